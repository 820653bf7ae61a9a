using System.IO.MemoryMappedFiles;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>A container that a process has mapped for writing past the daemon, as passthrough leaves it when its descriptor is closed.</summary>
internal sealed class MappedContainer : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public MappedContainer(TestClient client, ContainerId id)
    {
        string path = Path.Combine(client.Folder, ContainerFiles.NameOf(id));
        var opened = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        _file = MemoryMappedFile.CreateFromFile(opened, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor();
    }

    /// <summary>Opens a file for writing, maps it, and closes it.</summary>
    public static async Task<MappedContainer> MapAsync(TestClient client, Afs.Wire.Fid fid)
    {
        using IContainer container = await client.OpenAsync(fid, forWriting: true);
        var mapped = new MappedContainer(client, container.Id);
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        return mapped;
    }

    public void Write(long offset, char value) => _view.Write(offset, (byte)value);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}

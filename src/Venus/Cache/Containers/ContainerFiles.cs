using System.Globalization;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Container files at <c>containers/xx/id</c>, both hexadecimal; xx is the low byte of the id, so that no folder grows large.</summary>
internal sealed class ContainerFiles : IContainerFiles
{
    private const string Folder = "containers";

    private readonly IDisk _disk;

    public ContainerFiles(IDisk disk)
    {
        _disk = disk;
        for (int low = 0; low < 256; low++)
            disk.CreateDirectory($"{Folder}/{low:x2}");
    }

    public static string NameOf(ContainerId id) => $"{Folder}/{(byte)id.Value:x2}/{id.Value:x16}";

    public IDiskFile Create(ContainerId id) => _disk.Open(NameOf(id), DiskOpenMode.CreateNew);

    public IDiskFile Open(ContainerId id) => _disk.Open(NameOf(id), DiskOpenMode.ReadWrite);

    public bool Delete(ContainerId id) => _disk.Delete(NameOf(id));

    public IEnumerable<ContainerId> List()
    {
        foreach (string folder in _disk.List(Folder))
        {
            foreach (string name in _disk.List($"{Folder}/{folder.TrimEnd('/')}"))
            {
                if (ulong.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong id) && NameOf(new(id)).EndsWith($"/{name}", StringComparison.Ordinal))
                    yield return new ContainerId(id);
            }
        }
    }

    public ContainerStat Stat(IDiskFile file) => FileStatus.Get(file.Handle!);

    public void SetModifyTime(IDiskFile file, Timestamp time) => FileStatus.SetModifyTime(file.Handle!, time);

    public void ProtectMapped(IDiskFile file, long offset, long countBytes) => file.BeginWriteback(offset, countBytes);

    public bool MayBeWritten(ContainerId id)
    {
        using IDiskFile file = _disk.Open(NameOf(id), DiskOpenMode.Read);
        return file.Handle is not { } handle || WriterCheck.MayBeWritten(handle);
    }

    public DiskSpace GetSpace() => _disk.GetSpace();
}

using System.Text.Json;
using Afs.Fuse;
using Afs.Venus.Vfs;

namespace Afs.Venus.Hosting;

/// <summary>The folder <c>take-over</c> of a cache: what the daemons of one supervised mount leave each other. docs/disk-format-cache.md describes it.</summary>
internal sealed class TakeOverFolder : IDisposable
{
    private const string Name = "take-over";
    private const string ConnectionName = "connection.json";

    private readonly string _path;
    private readonly MappedRecords _nodes, _files, _directories;

    private TakeOverFolder(string path, bool isNew)
    {
        _path = path;
        _nodes = MappedRecords.Open(Path.Combine(path, "nodes"), NodeRecord.SizeBytes, isNew);
        _files = MappedRecords.Open(Path.Combine(path, "files"), OpenFileRecord.SizeBytes, isNew);
        _directories = MappedRecords.Open(Path.Combine(path, "directories"), OpenDirectoryRecord.SizeBytes, isNew);
        Records = new MountRecords(_nodes, _files, _directories);
    }

    public MountRecords Records { get; }

    /// <exception cref="HostingException">There is no room for it, or what a predecessor left can't be read.</exception>
    public static TakeOverFolder Open(string cacheFolder, bool isTakeOver)
    {
        string path = Path.Combine(cacheFolder, Name);
        try
        {
            Directory.CreateDirectory(path);
            if (!isTakeOver)
                File.Delete(Path.Combine(path, ConnectionName));
            return new TakeOverFolder(path, isNew: !isTakeOver);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.CacheUnusable, $"{path} can't be used: {e.Message}", e);
        }
    }

    public void SaveConnection(FuseConnectionInfo connection) =>
        File.WriteAllText(Path.Combine(_path, ConnectionName), JsonSerializer.Serialize(connection));

    /// <exception cref="HostingException">The predecessor died before it agreed with the kernel on anything.</exception>
    public FuseConnectionInfo ReadConnection()
    {
        try
        {
            return JsonSerializer.Deserialize<FuseConnectionInfo>(File.ReadAllText(Path.Combine(_path, ConnectionName)))
                ?? throw new JsonException("It is empty.");
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.Failed, $"The mount can't be taken over: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _files.Dispose();
        _directories.Dispose();
    }
}

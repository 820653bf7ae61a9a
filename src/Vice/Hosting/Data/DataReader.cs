using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Sqlite;

namespace Afs.Vice.Hosting.Data;

/// <summary>A server's data on disk, for reading only. The server may run.</summary>
public sealed class DataReader : IDisposable
{
    private readonly SqliteMetadataReader _metadata;

    private DataReader(string path, SqliteMetadataReader metadata) =>
        (_metadata, Contents) = (metadata, new ContentStore(new LinuxDisk(path), new Epoch(0)));

    public ContentStore Contents { get; }

    /// <exception cref="StartException">There is none, or it can't be used.</exception>
    public static DataReader Open(string path)
    {
        path = Path.GetFullPath(path);
        DataFolder.RequireData(path);
        try
        {
            return new DataReader(path, SqliteMetadataReader.Open(Path.Combine(path, DataFolder.DatabaseName)));
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    /// <summary>As of now; what is committed later isn't seen in it.</summary>
    public IMetadataView OpenView() => _metadata.OpenView();

    public void Dispose() => _metadata.Dispose();
}

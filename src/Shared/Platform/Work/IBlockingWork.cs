namespace Afs.Platform;

/// <summary>Runs what may block for long on the disk, such as an fsync of a large file, where it keeps nobody else waiting.</summary>
public interface IBlockingWork
{
    Task<T> RunAsync<T>(Func<T> work);
}

using Afs.Platform;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Whether the server's disk has room for what adds to it. The last of it is kept for removals and for the log that every change needs:
/// a disk that is full to the last byte could not even be emptied.
/// </summary>
public sealed class Room(IDisk disk)
{
    private const long MostReservedBytes = 64 * 1024 * 1024;
    private const int ReservedPart = 32;

    private volatile bool _isFull;

    /// <summary>As of the last look.</summary>
    public bool IsFull => _isFull;

    /// <exception cref="DiskException">The disk can't say.</exception>
    public void Look()
    {
        DiskSpace space = disk.GetSpace();
        _isFull = space.FreeBytes < Math.Min(MostReservedBytes, space.TotalBytes / ReservedPart);
    }
}

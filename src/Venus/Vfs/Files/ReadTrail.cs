namespace Afs.Venus.Vfs;

/// <summary>
/// How far one reader of an arriving file has come, from its beginning on and in order, and what lies far enough behind him to leave the mount's page
/// cache. The container's pages hold it too: without this such a file takes twice its length of memory. Who reads there again is served from the
/// container. Safe for concurrent use.
/// </summary>
internal sealed class ReadTrail
{
    /// <summary>More than the kernel reads ahead: what it read for nobody yet is not dropped.</summary>
    private const long LagBytes = 16 << 20;

    /// <summary>Dropped at a time.</summary>
    private const long StepBytes = 8 << 20;

    /// <summary>Requests of one reader may be seen out of order by so much.</summary>
    private const long DisorderBytes = 4 << 20;

    private readonly Lock _lock = new();
    private long _reachedBytes, _droppedBytes;

    /// <summary>Takes note of a READ.</summary>
    /// <returns>What is to be dropped, to each caller another range; empty most of the time.</returns>
    public (long OffsetBytes, long LengthBytes) Advance(long offset, int lengthBytes)
    {
        lock (_lock)
        {
            if (Math.Abs(offset - _reachedBytes) > DisorderBytes)
                return default;
            _reachedBytes = Math.Max(_reachedBytes, offset + lengthBytes);
            long from = _droppedBytes;
            if (_reachedBytes - LagBytes - from < StepBytes)
                return default;
            _droppedBytes = from + StepBytes;
            return (from, StepBytes);
        }
    }
}

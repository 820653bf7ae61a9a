using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Files that were made without a name (O_TMPFILE) and have none yet. The server is told when the last use of one ends.</summary>
internal sealed class UnnamedFiles(ViceCalls calls, Statuses statuses, CancellationToken stopping)
{
    private readonly Lock _lock = new();
    private readonly HashSet<Fid> _unnamed = [];

    public void Add(Fid fid)
    {
        lock (_lock)
            _unnamed.Add(fid);
    }

    /// <summary>It was linked.</summary>
    public void Named(Fid fid)
    {
        lock (_lock)
            _unnamed.Remove(fid);
    }

    public bool Contains(Fid fid)
    {
        lock (_lock)
            return _unnamed.Contains(fid);
    }

    /// <summary>Tells the server. Where it can't be told it finds out by itself, when this client's session ends.</summary>
    public async Task ReleaseAsync(Fid fid)
    {
        lock (_lock)
        {
            if (!_unnamed.Remove(fid))
                return;
        }
        await calls.MutateAsync((vice, context) => vice.ReleaseUnnamedAsync(new ReleaseUnnamedRequest { Fid = fid }, context), stopping);
        statuses.Remove(fid);
    }
}

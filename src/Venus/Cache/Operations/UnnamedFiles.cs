using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Files that were made without a name (O_TMPFILE) and have none yet. When the last use of one ends the server is told, soon and in the background;
/// where it can't be told it finds out by itself, when this client's session ends.
/// </summary>
internal sealed class UnnamedFiles(ViceCalls calls, Statuses statuses, ContainerTable containers)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, bool> _isUnused = [];

    public void Add(Fid fid)
    {
        lock (_lock)
            _isUnused[fid] = false;
    }

    /// <summary>It was linked.</summary>
    public void Named(Fid fid)
    {
        lock (_lock)
            _isUnused.Remove(fid);
    }

    /// <summary>The last use of some file ended. Called often, and seldom for one of these.</summary>
    public void LastUseEnded(Fid fid)
    {
        lock (_lock)
        {
            if (_isUnused.ContainsKey(fid))
                _isUnused[fid] = true;
        }
    }

    /// <summary>Releases all whose use ended.</summary>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        foreach (Fid fid in TakeUnused())
        {
            if (containers.TryGet(fid, out Container? container))
                containers.Drop(container, ContainerFate.RemovedHere);
            await calls.MutateAsync((vice, context) => vice.ReleaseUnnamedAsync(new ReleaseUnnamedRequest { Fid = fid }, context), cancellation);
            statuses.Remove(fid);
        }
    }

    private List<Fid> TakeUnused()
    {
        lock (_lock)
        {
            List<Fid> unused = [.. _isUnused.Where(static u => u.Value).Select(static u => u.Key)];
            unused.ForEach(fid => _isUnused.Remove(fid));
            return unused;
        }
    }
}

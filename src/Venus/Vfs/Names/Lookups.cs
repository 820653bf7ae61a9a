using System.Collections.Concurrent;
using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>LOOKUP in cached directories. It is answered at once if the directory and the status of what is found are promised.</summary>
internal sealed class Lookups(VfsMount mount)
{
    public ValueTask<FuseResult<EntryReply>> Lookup(DirectoryNode parent, ReadOnlySpan<byte> name, OperationContext operation)
    {
        if (name.Length > Limits.NameBytes)
            return new((FuseResult<EntryReply>)Errno.ENAMETOOLONG);
        GivenName given = mount.Names.Give(parent, name);
        switch (mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out FileType type))
        {
            case LookupAnswer.Absent:
                return new(mount.Entries.Absent(given));
            case LookupAnswer.Found when mount.Entries.TryResolve(child, type, given, out EntryReply reply):
                return new(reply);
            default:
                return LookupAsync(parent, name.ToArray(), operation);
        }
    }

    /// <summary>
    /// With the server's help. If the name leads to a vnode that is gone, another client removed or replaced it, and a break of the directory is on its way. So the name is
    /// looked up again until the directory shows the change. A name that was only replaced is never reported absent.
    /// </summary>
    public async ValueTask<FuseResult<EntryReply>> LookupAsync(DirectoryNode parent, byte[] name, OperationContext operation)
    {
        mount.Names.BeginRequest(parent);
        try
        {
            return await LookupWithServerAsync(parent, name, operation);
        }
        finally
        {
            mount.Names.EndRequest(parent);
        }
    }

    private async ValueTask<FuseResult<EntryReply>> LookupWithServerAsync(DirectoryNode parent, byte[] name, OperationContext operation)
    {
        for (int attempt = 0; attempt < RetryPause.MaxAttempts; attempt++)
        {
            Failure load = await mount.Cache.Directories.LoadAsync(parent.Fid, operation);
            if (load.IsGone())
                return mount.Entries.Absent(default); // A directory that was removed has no names (as IS_DEADDIR in fs/namei.c).
            if (!load.IsNone)
                return load.ToErrno();

            GivenName given = mount.Names.Give(parent, name, isAgain: true);
            switch (mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out FileType type))
            {
                case LookupAnswer.Absent:
                    return mount.Entries.Absent(given);
                case LookupAnswer.Found:
                    FuseResult<EntryReply> entry = await mount.Entries.ResolveAsync(child, type, given, operation);
                    if (entry.Error != Errno.ESTALE)
                        return entry;
                    break;
            }

            if (!await RetryPause.WaitAsync(attempt, mount.Time, operation))
                return Errno.EINTR;
        }

        return Errno.ESTALE;
    }

    /// <summary>
    /// LOOKUP for a caller whose open was answered with ESTALE. The kernel looks the path up once more, and never again. So the content is fetched together with the name, and the
    /// open that follows gets this content, even if somebody replaces the file in between. Null: nothing was fetched.
    /// </summary>
    public async ValueTask<(FuseResult<EntryReply> Entry, IContainer? Content)> LookupAndFetchAsync(DirectoryNode parent, byte[] name, OperationContext operation)
    {
        for (int attempt = 0; ; attempt++)
        {
            FuseResult<EntryReply> entry = await LookupAsync(parent, name, operation);
            if (!entry.IsSuccess || mount.Nodes.Find(entry.Value.Node) is not FileNode file)
                return (entry, null);
            Result<IContainer> content = await mount.Cache.Contents.OpenAsync(file.Fid, forWriting: false, truncate: false, operation);
            if (content.IsSuccess)
                return (entry, content.Value);
            if (!content.Failure.IsGone() || attempt >= RetryPause.MaxAttempts)
                return (entry, null);
            mount.Entries.Forget(file);
            if (!await RetryPause.WaitAsync(attempt, mount.Time, operation))
                return (Errno.EINTR, null);
        }
    }
}

/// <summary>A change in a directory that another client removed gets ENOENT, as on a local disk.</summary>
internal static class GoneParents
{
    /// <summary>How often to wait for the break that tells of the removal. There may be none, if the vnode that is gone was another one.</summary>
    private const int MostWaits = 8;

    public static bool IsGone(VfsMount mount, DirectoryNode directory) => mount.Cache.Statuses.TryGet(directory.Fid, out FetchStatus status) && status.LinkCount == 0;

    /// <summary>The errno of a change that the server refused.</summary>
    public static async ValueTask<Errno> ToErrnoAsync(VfsMount mount, Failure failure, DirectoryNode parent, OperationContext operation)
    {
        for (int attempt = 0; failure.IsGone() && attempt < MostWaits; attempt++)
        {
            Result<FetchStatus> status = await mount.Cache.Statuses.GetAsync(parent.Fid, operation);
            if (status.IsSuccess ? status.Value.LinkCount == 0 : status.Failure.IsGone())
                return Errno.ENOENT;
            if (!await RetryPause.WaitAsync(attempt, mount.Time, operation))
                return Errno.EINTR;
        }

        return failure.ToErrno();
    }
}

/// <summary>
/// Callers whose open was answered with ESTALE, since the file was replaced between its lookup and the open. The kernel repeats the call once, from the beginning of the path; a
/// second ESTALE would reach the application. So what the repeated lookup found is kept for the repeated open. There is a bound on the number of callers and on the time; beyond it an
/// application may see ESTALE.
/// </summary>
internal sealed class SentBack(TimeProvider time)
{
    private const int Most = 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<uint, Caller> _callers = new();
    private int _count;

    /// <summary>Somebody was sent back lately.</summary>
    public bool IsAny => Volatile.Read(ref _count) > 0;

    /// <param name="opens">The call may be an open of a file: what its repeated lookup finds is fetched. Only that: whoever looks on doesn't fetch what he looks at.</param>
    public void Note(uint caller, bool opens)
    {
        if (caller == 0)
            return;
        if (_callers.TryGetValue(caller, out Caller? known))
        {
            known.MayOpen |= opens;
            return;
        }

        if (_callers.Count >= Most)
            return;
        var noted = new Caller { MayOpen = opens };
        if (_callers.TryAdd(caller, noted))
        {
            Interlocked.Increment(ref _count);
            BackgroundWork.Start("forgetting who was sent back", () => EndAsync(caller, noted));
        }
    }

    public bool Has(uint caller) => _callers.ContainsKey(caller);

    /// <summary>The caller's next lookup of a file is to be answered by <see cref="Lookups.LookupAndFetchAsync"/>.</summary>
    public bool MayOpen(uint caller) => _callers.TryGetValue(caller, out Caller? noted) && noted.MayOpen;

    /// <summary>Keeps what was fetched for the caller's next open. What was kept for it before is let go.</summary>
    public void Keep(uint caller, NodeId node, IContainer content)
    {
        if (_callers.TryGetValue(caller, out Caller? noted) && noted.TryKeep(node, content))
            return;
        content.Dispose();
    }

    public IContainer? Take(uint caller, NodeId node) => _callers.TryGetValue(caller, out Caller? noted) ? noted.Take(node) : null;

    private async Task EndAsync(uint caller, Caller noted)
    {
        await Task.Delay(Limit, time);
        _callers.TryRemove(caller, out _);
        Interlocked.Decrement(ref _count);
        noted.End();
    }

    private sealed class Caller
    {
        private readonly Lock _lock = new();
        private NodeId _node;
        private IContainer? _content;
        private bool _hasEnded;
        private volatile bool _mayOpen;

        /// <summary>Until something is kept.</summary>
        public bool MayOpen { get => _mayOpen; set => _mayOpen = value; }

        public bool TryKeep(NodeId node, IContainer content)
        {
            IContainer? old;
            lock (_lock)
            {
                if (_hasEnded)
                    return false;
                (old, _node, _content) = (_content, node, content);
                _mayOpen = false;
            }

            old?.Dispose();
            return true;
        }

        public IContainer? Take(NodeId node)
        {
            lock (_lock)
            {
                if (_node != node)
                    return null;
                IContainer? taken = _content;
                _content = null;
                return taken;
            }
        }

        public void End()
        {
            IContainer? left;
            lock (_lock)
                (left, _content, _hasEnded) = (_content, null, true);
            left?.Dispose();
        }
    }
}

using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Spans a change of names, from before it is sent until its reply is about to be written. <see cref="KernelNames"/> decides which names of its directories the kernel may trust
/// meanwhile.
/// </summary>
internal readonly struct NameChange : IDisposable
{
    private readonly KernelNames _names;
    private readonly DirectoryNode _first;
    private readonly DirectoryNode? _second;

    /// <summary>Within this time a thread that began to expire a name has reached the directory's lock.</summary>
    private static readonly TimeSpan ToTheLock = TimeSpan.FromMicroseconds(100);

    public NameChange(KernelNames names, DirectoryNode first, DirectoryNode? second = null)
    {
        (_names, _first, _second) = (names, first, ReferenceEquals(first, second) ? null : second);
        names.BeginChange(first);
        if (_second is not null)
            names.BeginChange(_second);
    }

    /// <summary>
    /// True: the change has to be answered with ESTALE, so that the names which the kernel trusts in these directories can be taken back first (rule 4 of <see cref="KernelNames"/>).
    /// Nothing was changed then. The kernel repeats a call once: so who was sent back lately, for whatever reason, isn't sent back here, and the names go when the break comes.
    /// </summary>
    public static ValueTask<bool> MustComeAgain(VfsMount mount, OperationContext operation, DirectoryNode first, DirectoryNode? second = null)
    {
        if (mount.SentBack.Has(operation.Pid))
            return new(false);
        var expiries = new List<NameExpiry>();
        mount.Names.LetGo(first, expiries);
        if (second is not null)
            mount.Names.LetGo(second, expiries);
        return expiries.Count == 0 ? new(false) : LetGoAsync(mount, operation.Pid, expiries);
    }

    private static async ValueTask<bool> LetGoAsync(VfsMount mount, uint caller, List<NameExpiry> expiries)
    {
        mount.SentBack.Note(caller, opens: false);
        expiries.ForEach(mount.Expirer.Start);
        await Task.WhenAll(expiries.Select(static expiry => expiry.Begun));
        long begunAt = mount.Time.GetTimestamp();
        while (mount.Time.GetElapsedTime(begunAt) < ToTheLock)
            Thread.Yield();
        return true;
    }

    public void Dispose()
    {
        _names.EndChange(_first);
        if (_second is not null)
            _names.EndChange(_second);
    }
}

/// <summary>
/// When a rename is answered, the kernel moves its own names, and trusts them in the new place for as long as in the old one. So the new place is registered before the rename
/// is sent, and a break finds the names there. If the new directory isn't promised afterwards, its names are expired.
/// </summary>
internal readonly struct NameMoves(VfsMount mount)
{
    private readonly List<(DirectoryNode To, byte[] Name, bool IsGiven)> _trusted = [];

    public void Add(DirectoryNode from, byte[] fromName, DirectoryNode to, byte[] toName)
    {
        if (!mount.Names.Has(from, fromName))
            return;
        GivenName given = mount.Names.Give(to, toName, isLocked: true);
        bool isKnown = mount.Cache.Directories.TryLookup(from.Fid, fromName, out Fid moved, out _) == LookupAnswer.Found;
        bool isLinked = isKnown && mount.Nodes.FindCurrent(moved) is { } node && mount.Names.Link(node, given);
        _trusted.Add((to, toName, isLinked));
    }

    public void Settle()
    {
        foreach ((DirectoryNode to, byte[] name, bool isGiven) in _trusted)
        {
            if (!isGiven || !mount.Cache.Directories.TryGetVersion(to.Fid, out _))
                mount.Names.ExpireSoon(to, name);
        }
    }
}

/// <summary>UNLINK, RMDIR and RENAME.</summary>
internal sealed class Removals(VfsMount mount)
{
    private const uint NoReplace = 1, Exchange = 2;

    public async ValueTask<Errno> RemoveAsync(DirectoryNode parent, byte[] name, bool isDirectory, OperationContext operation)
    {
        if (name.Length > Limits.NameBytes)
            return Errno.ENAMETOOLONG;
        if (GoneParents.IsGone(mount, parent))
            return Errno.ENOENT;
        if (await NameChange.MustComeAgain(mount, operation, parent))
            return Errno.ESTALE;
        using var change = new NameChange(mount.Names, parent);
        mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out _);
        Failure failure = await mount.Cache.Operations.RemoveAsync(parent.Fid, name, isDirectory, operation);
        if (failure.IsNone)
            NoteRemoved(child);
        return await GoneParents.ToErrnoAsync(mount, failure, parent, operation);
    }

    public async ValueTask<Errno> RenameAsync(DirectoryNode from, byte[] fromName, DirectoryNode to, byte[] toName, uint flags, OperationContext operation)
    {
        if (Math.Max(fromName.Length, toName.Length) > Limits.NameBytes)
            return Errno.ENAMETOOLONG;
        RenameMode? mode = flags switch
        {
            0 => RenameMode.Replace,
            NoReplace => RenameMode.NoReplace,
            Exchange => RenameMode.Exchange,
            _ => null,
        };
        if (mode is null)
            return Errno.EINVAL;

        if (GoneParents.IsGone(mount, from) || GoneParents.IsGone(mount, to))
            return Errno.ENOENT;
        if (await NameChange.MustComeAgain(mount, operation, from, to))
            return Errno.ESTALE;
        using var change = new NameChange(mount.Names, from, to);
        mount.Cache.Directories.TryLookup(to.Fid, toName, out Fid replaced, out _);
        var moves = new NameMoves(mount);
        moves.Add(from, fromName, to, toName);
        if (mode == RenameMode.Exchange)
            moves.Add(to, toName, from, fromName);
        Failure failure = await mount.Cache.Operations.RenameAsync(from.Fid, fromName, to.Fid, toName, mode.Value, operation);
        if (failure.IsNone)
            moves.Settle();
        if (failure.IsNone)
            NoteRemoved(replaced);
        Errno error = await GoneParents.ToErrnoAsync(mount, failure, to, operation);
        return error == Errno.ESTALE ? await GoneParents.ToErrnoAsync(mount, failure, from, operation) : error;
    }

    /// <summary>Records the last status of a file that lost its last name, so that whoever has it open can go on under a successor of this daemon too.</summary>
    private void NoteRemoved(Fid fid)
    {
        if (mount.Nodes.FindCurrent(fid) is not null && mount.Cache.Statuses.TryGet(fid, out FetchStatus last) && last.LinkCount == 0)
            mount.Nodes.NoteRemoved(last);
    }
}

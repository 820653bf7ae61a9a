using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>UNLINK, RMDIR and RENAME.</summary>
internal sealed class Removals(VfsMount mount)
{
    private const uint NoReplace = 1, Exchange = 2;

    public async ValueTask<Errno> RemoveAsync(DirectoryNode parent, byte[] name, bool isDirectory, CancellationToken cancellation)
    {
        if (name.Length > Limits.NameBytes)
            return Errno.ENAMETOOLONG;
        mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out _);
        Failure failure = await mount.Cache.Operations.RemoveAsync(parent.Fid, name, isDirectory, cancellation);
        if (failure.IsNone)
            NoteRemoved(child);
        return failure.ToErrno();
    }

    public async ValueTask<Errno> RenameAsync(DirectoryNode from, byte[] fromName, DirectoryNode to, byte[] toName, uint flags, CancellationToken cancellation)
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

        mount.Cache.Directories.TryLookup(to.Fid, toName, out Fid replaced, out _);
        Failure failure = await mount.Cache.Operations.RenameAsync(from.Fid, fromName, to.Fid, toName, mode.Value, cancellation);
        // The kernel moves the names that it has with the time that it was given for them. Without a promise on the directories
        // they must be looked up again.
        if (failure.IsNone && !(IsPromised(from) && IsPromised(to)))
            mount.Kernel.Session.Notifier.IncrementEpoch();
        if (failure.IsNone)
            NoteRemoved(replaced);
        return failure.ToErrno();
    }

    /// <summary>Whoever has it open goes on, under a successor of this daemon too.</summary>
    private void NoteRemoved(Fid fid)
    {
        if (mount.Nodes.FindCurrent(fid) is not null && mount.Cache.Statuses.TryGet(fid, out FetchStatus last) && last.LinkCount == 0)
            mount.Nodes.NoteRemoved(last);
    }

    private bool IsPromised(DirectoryNode directory) => mount.Cache.Directories.TryGetVersion(directory.Fid, out _);
}

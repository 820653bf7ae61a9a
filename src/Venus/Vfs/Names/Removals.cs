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
        return (await mount.Cache.Operations.RemoveAsync(parent.Fid, name, isDirectory, cancellation)).ToErrno();
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

        Failure failure = await mount.Cache.Operations.RenameAsync(from.Fid, fromName, to.Fid, toName, mode.Value, cancellation);
        // The kernel moves the names that it has with the time that it was given for them. Without a promise on the directories
        // they must be looked up again.
        if (failure.IsNone && !(IsPromised(from) && IsPromised(to)))
            mount.Kernel.Session.Notifier.IncrementEpoch();
        return failure.ToErrno();
    }

    private bool IsPromised(DirectoryNode directory) => mount.Cache.Directories.TryGetListing(directory.Fid, out _);
}

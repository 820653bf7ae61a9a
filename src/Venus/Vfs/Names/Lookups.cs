using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>LOOKUP: in cached directories, at once where directory and status are promised.</summary>
internal sealed class Lookups(VfsMount mount)
{
    public ValueTask<FuseResult<EntryReply>> Lookup(DirectoryNode parent, ReadOnlySpan<byte> name, CancellationToken cancellation)
    {
        if (name.Length > Limits.NameBytes)
            return new((FuseResult<EntryReply>)Errno.ENAMETOOLONG);
        if (name.SequenceEqual("."u8))
            return mount.Entries.TryResolve(parent.Fid, FileType.Directory, isNamePromised: false, out EntryReply self)
                ? new(self)
                : mount.Entries.ResolveAsync(parent.Fid, FileType.Directory, isNamePromised: false, cancellation);
        if (name.SequenceEqual(".."u8))
            return LookupParentAsync(parent, cancellation);

        switch (mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out FileType type))
        {
            case LookupAnswer.Absent:
                return new(mount.Entries.Absent());
            case LookupAnswer.Found when mount.Entries.TryResolve(child, type, isNamePromised: true, out EntryReply reply):
                return new(reply);
            default:
                return LookupAsync(parent, name.ToArray(), cancellation);
        }
    }

    /// <summary>
    /// With the server's help. A name whose vnode is gone was removed or replaced by another client, whose break is on its way: it is
    /// looked up again until the directory shows it too, so that a name that was only replaced is never reported absent.
    /// </summary>
    public async ValueTask<FuseResult<EntryReply>> LookupAsync(DirectoryNode parent, byte[] name, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < RetryPause.MaxAttempts; attempt++)
        {
            Failure load = await mount.Cache.Directories.LoadAsync(parent.Fid, cancellation);
            if (!load.IsNone)
                return load.ToErrno();

            switch (mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out FileType type))
            {
                case LookupAnswer.Absent:
                    return mount.Entries.Absent();
                case LookupAnswer.Found:
                    FuseResult<EntryReply> entry = await mount.Entries.ResolveAsync(child, type, isNamePromised: true, cancellation);
                    if (entry.Error != Errno.ESTALE)
                        return entry;
                    break;
            }

            if (!await RetryPause.WaitAsync(attempt, mount.Time, cancellation))
                return Errno.EINTR;
        }

        return Errno.ESTALE;
    }

    /// <summary>Asked by the NFS server when it walks up from a handle; no name that the kernel keeps.</summary>
    private async ValueTask<FuseResult<EntryReply>> LookupParentAsync(DirectoryNode directory, CancellationToken cancellation)
    {
        Result<FetchStatus> status = await mount.Cache.Statuses.GetAsync(directory.Fid, cancellation);
        return status.IsSuccess
            ? await mount.Entries.ResolveAsync(status.Value.Parent, FileType.Directory, isNamePromised: false, cancellation)
            : status.Failure.ToErrno();
    }
}

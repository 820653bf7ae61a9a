using Afs.Fuse;
using Afs.Wire;
using CreateReply = Afs.Fuse.CreateReply;

namespace Afs.Venus.Vfs;

/// <summary>Operations on names.</summary>
public sealed partial class VfsFileSystem
{
    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        TryFind(parent, out DirectoryNode directory) ? _lookups.Lookup(directory, name, request.Interrupted) : Refuse<EntryReply>(Errno.ESTALE);

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        const uint AllPermissions = 0x1FF;
        if (target.Length > Limits.SymlinkTargetBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        byte[] copy = target.ToArray();
        return Make(request, parent, name, make => make with { Type = FileType.Symlink, Mode = AllPermissions, SymlinkTarget = copy });
    }

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask)
    {
        FileType type = FileModes.ToType(mode);
        if (type is FileType.None or FileType.Directory or FileType.Symlink)
            return Refuse<EntryReply>(Errno.EINVAL);
        bool isDevice = type is FileType.BlockDevice or FileType.CharacterDevice;
        return Make(request, parent, name, make => make with { Type = type, Mode = Masked(mode, umask), DeviceNumber = isDevice ? deviceNumber : 0 });
    }

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask) =>
        Make(request, parent, name, make => make with { Type = FileType.Directory, Mode = Masked(mode, umask) });

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        if (name.Length > Limits.NameBytes)
            return Refuse<CreateReply>(Errno.ENAMETOOLONG);
        return TryFind(parent, out DirectoryNode directory)
            ? _creations.CreateAsync(directory, NewObject(request, directory, name.ToArray()) with { Mode = Masked(mode, umask) }, openFlags, Opening(request), request.Interrupted)
            : Refuse<CreateReply>(Errno.ESTALE);
    }

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags) =>
        TryFind(parent, out DirectoryNode directory)
            ? _creations.CreateAsync(directory, NewObject(request, directory, name: null) with { Mode = Masked(mode, umask) }, openFlags, Opening(request), request.Interrupted)
            : Refuse<CreateReply>(Errno.ESTALE);

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName)
    {
        if (newName.Length > Limits.NameBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        return TryFind(node, out Node file) && TryFind(newParent, out DirectoryNode directory)
            ? _creations.LinkAsync(file, directory, newName.ToArray(), request.Interrupted)
            : Refuse<EntryReply>(Errno.ESTALE);
    }

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        TryFind(parent, out DirectoryNode directory)
            ? _removals.RemoveAsync(directory, name.ToArray(), isDirectory: false, request.Interrupted)
            : new(Errno.ESTALE);

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        TryFind(parent, out DirectoryNode directory)
            ? _removals.RemoveAsync(directory, name.ToArray(), isDirectory: true, request.Interrupted)
            : new(Errno.ESTALE);

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags) =>
        TryFind(parent, out DirectoryNode from) && TryFind(newParent, out DirectoryNode to)
            ? _removals.RenameAsync(from, name.ToArray(), to, newName.ToArray(), flags, request.Interrupted)
            : new(Errno.ESTALE);

    private ValueTask<FuseResult<EntryReply>> Make(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, Func<CreateRequest, CreateRequest> fill)
    {
        if (name.Length > Limits.NameBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        return TryFind(parent, out DirectoryNode directory)
            ? _creations.MakeAsync(directory, fill(NewObject(request, directory, name.ToArray())), request.Interrupted)
            : Refuse<EntryReply>(Errno.ESTALE);
    }

    private CreateRequest NewObject(in FuseRequest request, DirectoryNode parent, byte[]? name) => new()
    {
        Parent = parent.Fid,
        Name = name,
        Type = FileType.Regular,
        Mode = 0,
        Uid = request.Uid,
        Gid = request.Gid,
        Time = _mount.Cache.Operations.Now,
    };

    private static uint Masked(uint mode, uint umask) => mode & ~umask & FileModes.PermissionMask;
}

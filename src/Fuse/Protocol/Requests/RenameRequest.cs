using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>RENAME and RENAME2, which adds flags.</summary>
internal readonly ref struct RenameRequest(ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public NodeId NewParent { get; } = newParent;

    public ReadOnlySpan<byte> NewName { get; } = newName;

    public uint Flags { get; } = flags;

    public static Errno Parse(ReadOnlySpan<byte> body, out RenameRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        return reader.TryTake(out FuseRenameIn raw) ? ParseNames(reader, raw.NewParent, 0, out request) : Errno.EINVAL;
    }

    public static Errno ParseWithFlags(ReadOnlySpan<byte> body, out RenameRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        return reader.TryTake(out FuseRename2In raw) ? ParseNames(reader, raw.NewParent, raw.Flags, out request) : Errno.EINVAL;
    }

    private static Errno ParseNames(FrameReader reader, ulong newParent, uint flags, out RenameRequest request)
    {
        request = default;
        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        if (error != Errno.None)
        {
            return error;
        }

        error = reader.TakeName(out ReadOnlySpan<byte> newName);
        request = new RenameRequest(name, new NodeId(newParent), newName, flags);
        return error;
    }
}

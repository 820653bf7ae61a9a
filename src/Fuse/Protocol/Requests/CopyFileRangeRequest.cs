using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>COPY_FILE_RANGE and COPY_FILE_RANGE_64, which differ in their replies alone.</summary>
internal readonly record struct CopyFileRangeRequest(
    FileHandle Handle, long Offset, NodeId ToNode, FileHandle ToHandle, long ToOffset, long LengthBytes, ulong Flags)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out CopyFileRangeRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseCopyFileRangeIn raw) || raw.Offset > long.MaxValue || raw.ToOffset > long.MaxValue)
        {
            return Errno.EINVAL;
        }

        // A caller may ask for SIZE_MAX bytes, meaning "to the end"; no offset can pass long.MaxValue.
        ulong room = (ulong)long.MaxValue - Math.Max(raw.Offset, raw.ToOffset);
        request = new CopyFileRangeRequest(
            new FileHandle(raw.Handle), (long)raw.Offset, new NodeId(raw.ToNodeId), new FileHandle(raw.ToHandle),
            (long)raw.ToOffset, (long)Math.Min(raw.LengthBytes, room), raw.Flags);
        return Errno.None;
    }
}

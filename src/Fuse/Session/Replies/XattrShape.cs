using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>GETXATTR and LISTXATTR: the bytes; or, for a caller without room, their length; ERANGE where the room is too small.</summary>
internal readonly struct XattrShape : IReplyShape<FuseResult<ReadOnlyMemory<byte>>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<ReadOnlyMemory<byte>> result, out int payloadBytes)
    {
        payloadBytes = 0;
        if (!result.IsSuccess)
        {
            return result.Error;
        }

        ReadOnlySpan<byte> value = result.Value.Span;
        if (value.Length > FuseProtocol.XattrMaxBytes)
        {
            return Errno.E2BIG;
        }

        int roomBytes = slot.Hints.RoomBytes;
        if (roomBytes == 0)
        {
            payloadBytes = ReplyWriter.Size(slot.Payload, (uint)value.Length);
            return Errno.None;
        }

        if (value.Length > roomBytes)
        {
            return Errno.ERANGE;
        }

        value.CopyTo(slot.Payload);
        payloadBytes = value.Length;
        return Errno.None;
    }
}

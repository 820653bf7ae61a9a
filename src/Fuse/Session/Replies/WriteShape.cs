using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>WRITE: the count of bytes written, never more than were sent.</summary>
internal readonly struct WriteShape : IReplyShape<FuseResult<int>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<int> result, out int payloadBytes)
    {
        payloadBytes = 0;
        if (result.IsSuccess)
        {
            if ((uint)result.Value > (uint)slot.Hints.RoomBytes)
            {
                throw new InvalidOperationException($"A write of {slot.Hints.RoomBytes} bytes answered {result.Value}.");
            }

            payloadBytes = ReplyWriter.Size(slot.Payload, (uint)result.Value);
        }

        return result.Error;
    }
}

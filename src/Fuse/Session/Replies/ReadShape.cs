namespace Afs.Fuse.Session;

/// <summary>READ: the data is in the payload already; the result is its length.</summary>
internal readonly struct ReadShape : IReplyShape<FuseResult<int>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<int> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? result.Value : 0;
        if ((uint)payloadBytes > (uint)slot.Hints.RoomBytes)
        {
            throw new InvalidOperationException($"A read of {slot.Hints.RoomBytes} bytes answered {payloadBytes}.");
        }

        return result.Error;
    }
}

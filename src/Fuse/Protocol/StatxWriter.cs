using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>The reply of STATX, from the same attributes that answer GETATTR. There is no time of birth in it, and its mask says so.</summary>
internal static class StatxWriter
{
    public static int Write(Span<byte> destination, in AttributesReply reply)
    {
        FuseAttributes a = reply.Attributes;
        (ulong seconds, uint nanoseconds) = ReplyWriter.Split(reply.AttributeTimeout);
        var stat = new FuseStatx(
            FuseProtocol.StatxBasicStats, a.BlockSizeBytes, 0, a.LinkCount, a.Uid, a.Gid, (ushort)a.Mode, 0,
            a.Ino, a.SizeBytes, a.Blocks, 0,
            TimeOf(a.AccessTime), default, TimeOf(a.ChangeTime), TimeOf(a.ModifyTime),
            (a.DeviceNumber & 0xfff00) >> 8, (a.DeviceNumber & 0xff) | ((a.DeviceNumber >> 12) & 0xfff00), 0, 0, default);
        return ReplyWriter.Write(destination, new FuseStatxOut(seconds, nanoseconds, 0, 0, 0, stat));
    }

    private static FuseStatxTime TimeOf(FuseTime time) => new(time.Seconds, time.Nanoseconds, 0);
}

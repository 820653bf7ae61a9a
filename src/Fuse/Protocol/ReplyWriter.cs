using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>
/// Values into the kernel's reply structures. Each function writes the whole structure, padding included, so that no old
/// byte of the buffer leaves the process, and returns its length in bytes.
/// </summary>
internal static class ReplyWriter
{
    public static void Header(Span<byte> destination, RequestId id, Errno error, int payloadBytes) =>
        MemoryMarshal.Write(destination, new FuseOutHeader((uint)(FuseOutHeader.SizeBytes + payloadBytes), -(int)error, id.Value));

    public static int Entry(Span<byte> destination, in EntryReply entry) => Write(destination, EntryOf(entry));

    public static int Attributes(Span<byte> destination, in AttributesReply reply)
    {
        (ulong seconds, uint nanoseconds) = Split(reply.AttributeTimeout);
        return Write(destination, new FuseAttrOut(seconds, nanoseconds, 0, AttrOf(reply.Attributes)));
    }

    public static int Open(Span<byte> destination, in OpenReply reply) => Write(destination, OpenOf(reply));

    public static int Create(Span<byte> destination, in CreateReply reply)
    {
        int entryBytes = Write(destination, EntryOf(reply.Entry));
        return entryBytes + Write(destination[entryBytes..], OpenOf(reply.Open));
    }

    public static int StatFs(Span<byte> destination, in StatFsReply reply) => Write(destination, new FuseKStatFs(
        reply.Blocks, reply.BlocksFree, reply.BlocksAvailable, reply.Files, reply.FilesFree,
        reply.BlockSizeBytes, reply.NameMaxBytes, reply.FragmentSizeBytes, 0, 0, 0, 0));

    /// <summary>The reply of WRITE, of COPY_FILE_RANGE, and of a size query for extended attributes.</summary>
    public static int Size(Span<byte> destination, uint sizeBytes) => Write(destination, new FuseSizeOut(sizeBytes, 0));

    /// <summary>The reply of LSEEK and of COPY_FILE_RANGE_64.</summary>
    public static int Offset(Span<byte> destination, long offset) => Write(destination, new FuseOffsetOut((ulong)offset));

    public static int Lock(Span<byte> destination, in FileLock held) =>
        Write(destination, new FuseFileLock(held.Start, held.End, (uint)held.Kind, held.Pid));

    public static int Init(Span<byte> destination, in FuseInitOut reply) => Write(destination, reply);

    /// <summary>A lifetime as the kernel counts it; what is negative has no lifetime.</summary>
    internal static (ulong Seconds, uint Nanoseconds) Split(TimeSpan timeout)
    {
        long ticks = Math.Max(0, timeout.Ticks);
        return ((ulong)(ticks / TimeSpan.TicksPerSecond), (uint)(ticks % TimeSpan.TicksPerSecond) * 100);
    }

    internal static int Write<T>(Span<byte> destination, in T value)
        where T : struct
    {
        MemoryMarshal.Write(destination, value);
        return Unsafe.SizeOf<T>();
    }

    private static FuseEntryOut EntryOf(in EntryReply entry)
    {
        (ulong entrySeconds, uint entryNanoseconds) = Split(entry.EntryTimeout);
        (ulong attributeSeconds, uint attributeNanoseconds) = Split(entry.AttributeTimeout);
        return new FuseEntryOut(
            entry.Node.Value, entry.Generation, entrySeconds, attributeSeconds, entryNanoseconds, attributeNanoseconds, AttrOf(entry.Attributes));
    }

    private static FuseAttr AttrOf(in FuseAttributes a) => new(
        a.Ino, a.SizeBytes, a.Blocks,
        (ulong)a.AccessTime.Seconds, (ulong)a.ModifyTime.Seconds, (ulong)a.ChangeTime.Seconds,
        a.AccessTime.Nanoseconds, a.ModifyTime.Nanoseconds, a.ChangeTime.Nanoseconds,
        a.Mode, a.LinkCount, a.Uid, a.Gid, a.DeviceNumber, a.BlockSizeBytes, 0);

    private static FuseOpenOut OpenOf(in OpenReply reply)
    {
        bool passthrough = (reply.Flags & OpenReplyFlags.Passthrough) != 0;
        return new FuseOpenOut(reply.Handle.Value, (uint)reply.Flags, passthrough ? reply.Backing.Value : 0);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>
/// Writes values as the kernel's reply structures. Each function writes the whole structure with its padding, so that no old
/// byte of the buffer leaves the process, and returns the length in bytes.
/// </summary>
internal static class ReplyWriter
{
    public static void Header(Span<byte> destination, RequestId id, Errno error, int payloadBytes) =>
        MemoryMarshal.Write(destination, new FuseOutHeader((uint)(FuseOutHeader.SizeBytes + payloadBytes), -(int)error, id));

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

    /// <summary>A lifetime as the kernel counts it; a negative one is zero.</summary>
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
            entry.Node, entry.Generation, entrySeconds, attributeSeconds, entryNanoseconds, attributeNanoseconds, AttrOf(entry.Attributes));
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

/// <summary>Lays out one <c>struct fuse_dirent</c> or <c>fuse_direntplus</c>, padded with zeros to 8 bytes.</summary>
internal static class DirectoryEntryWriter
{
    /// <summary>
    /// Returns the bytes written; zero: the entry doesn't fit. "." and ".." never carry a node: the kernel counts no
    /// lookup for them (fuse_direntplus_link in fs/fuse/readdir.c).
    /// </summary>
    /// <exception cref="ArgumentException">The name is empty, longer than 255 bytes, or holds a NUL or '/'; or the offset is zero.</exception>
    public static int TryWrite(
        Span<byte> destination, bool isPlus, ReadOnlySpan<byte> name, ulong ino, ulong nextOffset, uint modeType, in EntryReply entry)
    {
        RequireName(name);
        ArgumentOutOfRangeException.ThrowIfZero(nextOffset);
        int direntOffset = isPlus ? Unsafe.SizeOf<FuseEntryOut>() : 0;
        int nameOffset = direntOffset + Unsafe.SizeOf<FuseDirent>();
        int totalBytes = (nameOffset + name.Length + 7) & ~7;
        if (totalBytes > destination.Length)
        {
            return 0;
        }

        if (isPlus)
        {
            bool isDot = name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
            ReplyWriter.Entry(destination, isDot ? default : entry);
        }

        MemoryMarshal.Write(destination[direntOffset..], new FuseDirent(ino, nextOffset, (uint)name.Length, (modeType >> 12) & 15));
        name.CopyTo(destination[nameOffset..]);
        destination[(nameOffset + name.Length)..totalBytes].Clear();
        return totalBytes;
    }

    private static void RequireName(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > FuseProtocol.NameMaxBytes || name.ContainsAny((byte)0, (byte)'/'))
        {
            throw new ArgumentException("A directory entry's name is 1 to 255 bytes, without NUL and '/'.", nameof(name));
        }
    }
}

/// <summary>
/// Finds the nodes in a READDIRPLUS reply. Each was counted as a lookup, which must be given back if the reply
/// never reached the kernel.
/// </summary>
internal ref struct DirectoryEntryReader(ReadOnlySpan<byte> payload)
{
    private FrameReader _reader = new(payload);

    /// <summary>The next node other than zero; false at the end.</summary>
    public bool TryNext(out NodeId node)
    {
        do
        {
            node = _reader.Take<FuseEntryOut>().Node;
            FuseDirent dirent = _reader.Take<FuseDirent>();
            _reader.Bytes((dirent.NameBytes + 7) & ~7u);
        }
        while (node.Value == 0 && _reader.Error == Errno.None);
        return _reader.Error == Errno.None;
    }
}

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

/// <summary>Builds the messages that answer no request. Each function returns the frame's length in bytes.</summary>
internal static class NotificationWriter
{
    /// <summary>Enough for any notification with a name of 255 bytes and its NUL.</summary>
    public const int MaxBytes = FuseOutHeader.SizeBytes + 24 + FuseProtocol.NameMaxBytes + 1;

    /// <summary>From the offset to the end of the file; with offset -1 the attributes alone.</summary>
    public static int InvalidateNode(Span<byte> frame, NodeId node, long offset) =>
        Seal(frame, FuseNotifyCode.InvalidateInode, Put(frame, new FuseNotifyInvalInodeOut(node.Value, offset, LengthBytes: 0)));

    public static int ExpireEntry(Span<byte> frame, NodeId parent, ReadOnlySpan<byte> name)
    {
        int usedBytes = Put(frame, new FuseNotifyInvalEntryOut(parent.Value, (uint)name.Length, FuseProtocol.ExpireOnly));
        name.CopyTo(frame[usedBytes..]);
        frame[usedBytes + name.Length] = 0;
        return Seal(frame, FuseNotifyCode.InvalidateEntry, usedBytes + name.Length + 1);
    }

    public static int IncrementEpoch(Span<byte> frame) => Seal(frame, FuseNotifyCode.IncrementEpoch, FuseOutHeader.SizeBytes);

    public static int Resend(Span<byte> frame) => Seal(frame, FuseNotifyCode.Resend, FuseOutHeader.SizeBytes);

    private static int Put<T>(Span<byte> frame, in T body)
        where T : struct
    {
        MemoryMarshal.Write(frame[FuseOutHeader.SizeBytes..], body);
        return FuseOutHeader.SizeBytes + Unsafe.SizeOf<T>();
    }

    private static int Seal(Span<byte> frame, FuseNotifyCode code, int totalBytes)
    {
        MemoryMarshal.Write(frame, new FuseOutHeader((uint)totalBytes, (int)code, default));
        return totalBytes;
    }
}

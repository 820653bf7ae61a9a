using Afs.Fuse.Protocol;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Protocol;

/// <summary>Values in, exact bytes out, over a buffer full of old data.</summary>
public sealed class ReplyTests
{
    private static readonly FuseAttributes Attributes = new()
    {
        Ino = 1,
        SizeBytes = 2,
        Blocks = 3,
        AccessTime = new FuseTime(-4, 41),
        ModifyTime = new FuseTime(5, 51),
        ChangeTime = new FuseTime(6, 61),
        Mode = 0x81A4,
        LinkCount = 7,
        Uid = 8,
        Gid = 9,
        DeviceNumber = 0x12345678,
        BlockSizeBytes = 4096,
    };

    private delegate int Writer(Span<byte> destination);

    [Fact]
    public void Header()
    {
        Span<byte> buffer = stackalloc byte[16];
        ReplyWriter.Header(buffer, new RequestId(42), Errno.ENOENT, 5);
        Assert.Equal(FrameBuilder.New().U32(21).U32(unchecked((uint)-2)).U64(42).Bytes(), buffer.ToArray());
    }

    [Fact]
    public void Entry()
    {
        var entry = new EntryReply { Node = new NodeId(77), Generation = 3, Attributes = Attributes, EntryTimeout = TimeSpan.FromSeconds(1.5), AttributeTimeout = TimeSpan.FromSeconds(-1) };
        byte[] expected = [.. FrameBuilder.New().U64(77).U64(3).U64(1).U64(0).U32(500_000_000).U32(0).Bytes(), .. Attr()];
        AssertWrites(expected, destination => ReplyWriter.Entry(destination, entry));
        Assert.Equal(128, expected.Length);
    }

    [Fact]
    public void Attribute_reply()
    {
        var reply = new AttributesReply { Attributes = Attributes, AttributeTimeout = TimeSpan.FromSeconds(2) };
        AssertWrites([.. FrameBuilder.New().U64(2).U32(0).U32(0).Bytes(), .. Attr()], destination => ReplyWriter.Attributes(destination, reply));
    }

    [Fact]
    public void Statx_reply()
    {
        var reply = new AttributesReply { Attributes = Attributes, AttributeTimeout = TimeSpan.FromSeconds(2) };
        byte[] expected = FrameBuilder.New()
            .U64(2).U32(0).U32(0).Zeros(16)
            .U32(0x7FF).U32(4096).U64(0).U32(7).U32(8).U32(9).U16(0x81A4).U16(0)
            .U64(1).U64(2).U64(3).U64(0)
            .U64(unchecked((ulong)-4)).U32(41).U32(0)
            .Zeros(16)
            .U64(6).U32(61).U32(0)
            .U64(5).U32(51).U32(0)
            .U32(0x456).U32(0x12378).U32(0).U32(0).Zeros(112).Bytes();
        Assert.Equal(288, expected.Length);
        AssertWrites(expected, destination => StatxWriter.Write(destination, reply));
    }

    [Fact]
    public void Open_reply()
    {
        var open = new OpenReply { Handle = new FileHandle(9), Flags = OpenReplyFlags.Passthrough | OpenReplyFlags.NoFlush, Backing = new BackingId(4) };
        AssertWrites(FrameBuilder.New().U64(9).U32(0xA0).U32(4).Bytes(), destination => ReplyWriter.Open(destination, open));
    }

    [Fact]
    public void A_backing_id_without_passthrough_is_left_out()
    {
        var open = new OpenReply { Handle = new FileHandle(9), Flags = OpenReplyFlags.KeepCache, Backing = new BackingId(4) };
        AssertWrites(FrameBuilder.New().U64(9).U32(2).U32(0).Bytes(), destination => ReplyWriter.Open(destination, open));
    }

    [Fact]
    public void Create_reply()
    {
        var create = new CreateReply { Entry = new EntryReply { Node = new NodeId(77), Attributes = Attributes }, Open = new OpenReply { Handle = new FileHandle(9) } };
        byte[] expected = [.. FrameBuilder.New().U64(77).Zeros(32).Bytes(), .. Attr(), .. FrameBuilder.New().U64(9).U64(0).Bytes()];
        AssertWrites(expected, destination => ReplyWriter.Create(destination, create));
    }

    [Fact]
    public void StatFs_reply()
    {
        var reply = new StatFsReply { Blocks = 1, BlocksFree = 2, BlocksAvailable = 3, Files = 4, FilesFree = 5, BlockSizeBytes = 6, NameMaxBytes = 7, FragmentSizeBytes = 8 };
        byte[] expected = FrameBuilder.New().U64(1).U64(2).U64(3).U64(4).U64(5).U32(6).U32(7).U32(8).U32(0).Zeros(24).Bytes();
        AssertWrites(expected, destination => ReplyWriter.StatFs(destination, reply));
    }

    [Fact]
    public void Counts_offsets_and_locks()
    {
        AssertWrites(FrameBuilder.New().U32(5).U32(0).Bytes(), destination => ReplyWriter.Size(destination, 5));
        AssertWrites(FrameBuilder.New().U64(5_000_000_000).Bytes(), destination => ReplyWriter.Offset(destination, 5_000_000_000));
        var held = new FileLock(0xABC, 10, 19, FileLockKind.Write, 77, IsFlock: false);
        AssertWrites(FrameBuilder.New().U64(10).U64(19).U32(1).U32(77).Bytes(), destination => ReplyWriter.Lock(destination, held));
    }

    [Fact]
    public void Notifications()
    {
        AssertWrites(
            FrameBuilder.New().U32(40).U32(2).U64(0).U64(5).U64(ulong.MaxValue).U64(0).Bytes(),
            destination => NotificationWriter.InvalidateNode(destination, new NodeId(5), -1));
        AssertWrites(
            FrameBuilder.New().U32(37).U32(3).U64(0).U64(5).U32(4).U32(1).Name("file").Bytes(),
            destination => NotificationWriter.ExpireEntry(destination, new NodeId(5), "file"u8));
        AssertWrites(FrameBuilder.New().U32(16).U32(7).U64(0).Bytes(), NotificationWriter.Resend);
        AssertWrites(FrameBuilder.New().U32(16).U32(8).U64(0).Bytes(), NotificationWriter.IncrementEpoch);
    }

    private static byte[] Attr() => FrameBuilder.New()
        .U64(1).U64(2).U64(3).U64(unchecked((ulong)-4)).U64(5).U64(6).U32(41).U32(51).U32(61)
        .U32(0x81A4).U32(7).U32(8).U32(9).U32(0x12345678).U32(4096).U32(0).Bytes();

    private static void AssertWrites(byte[] expected, Writer write)
    {
        byte[] buffer = new byte[512];
        Array.Fill(buffer, (byte)0xCC);
        int usedBytes = write(buffer);
        Assert.Equal(expected, buffer[..usedBytes]);
        Assert.All(buffer[usedBytes..], old => Assert.Equal(0xCC, old));
    }
}

using System.Text;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Protocol;

/// <summary>Bytes in, values out.</summary>
public sealed class RequestParsingTests
{
    private static readonly FileHandle Nine = new(9);

    [Fact]
    public void The_header_says_what_is_asked_and_by_whom()
    {
        byte[] frame = FrameBuilder.Request(FuseOpcode.Lookup, Body("lookup"), unique: 42, node: 5);
        Assert.True(RequestHeader.TryParse(frame, out RequestHeader header, out ReadOnlySpan<byte> body));
        Assert.Equal(new RequestHeader(FuseOpcode.Lookup, new RequestId(42), new NodeId(5), 1000, 1001, 77), header);
        Assert.Equal("file\0", Encoding.UTF8.GetString(body));
    }

    [Fact]
    public void Extensions_at_the_end_are_no_part_of_the_body()
    {
        byte[] frame = FrameBuilder.New().U32(40 + 8 + 8).U32(1).U64(42).U64(5).U32(0).U32(0).U32(0).U16(1).U16(0).Name("file123").Zeros(8).Bytes();
        Assert.True(RequestHeader.TryParse(frame, out _, out ReadOnlySpan<byte> body));
        Assert.Equal("file123\0", Encoding.UTF8.GetString(body));
    }

    [Fact]
    public void Extensions_longer_than_the_frame_are_malformed()
    {
        byte[] frame = FrameBuilder.New().U32(40).U32(1).U64(42).U64(5).U32(0).U32(0).U32(0).U16(1).U16(0).Bytes();
        Assert.False(RequestHeader.TryParse(frame, out RequestHeader header, out _));
        Assert.Equal(new RequestId(42), header.Id);
    }

    [Fact]
    public void Names()
    {
        Assert.Equal(Errno.None, NameRequest.Parse(Body("lookup"), out NameRequest lookup));
        Assert.Equal("file", Text(lookup.Name));

        Assert.Equal(Errno.None, SymLinkRequest.Parse(Body("symlink"), out SymLinkRequest link));
        Assert.Equal(("link", "../target"), (Text(link.Name), Text(link.Target)));

        Assert.Equal(Errno.None, MakeNodeRequest.Parse(Body("mknod"), out MakeNodeRequest node));
        Assert.Equal(("null", 0x21B6u, 0x103u, 0x12u), (Text(node.Name), node.Mode, node.DeviceNumber, node.Umask));

        Assert.Equal(Errno.None, MakeNodeRequest.ParseDirectory(Body("mkdir"), out MakeNodeRequest folder));
        Assert.Equal(("folder", 0x1FFu, 0x12u), (Text(folder.Name), folder.Mode, folder.Umask));

        Assert.Equal(Errno.None, RenameRequest.Parse(Body("rename"), out RenameRequest rename));
        Assert.Equal(("old", 6ul, "new", 0u), (Text(rename.Name), rename.NewParent.Value, Text(rename.NewName), rename.Flags));

        Assert.Equal(Errno.None, RenameRequest.ParseWithFlags(Body("rename2"), out RenameRequest rename2));
        Assert.Equal(("old", 6ul, "new", 2u), (Text(rename2.Name), rename2.NewParent.Value, Text(rename2.NewName), rename2.Flags));

        Assert.Equal(Errno.None, LinkRequest.Parse(Body("link"), out LinkRequest hardLink));
        Assert.Equal((7ul, "new"), (hardLink.Node.Value, Text(hardLink.NewName)));
    }

    [Fact]
    public void Attributes()
    {
        Assert.Equal(Errno.None, GetAttributesRequest.Parse(Body("getattr"), out GetAttributesRequest get));
        Assert.Equal(Nine, get.Handle);
        Assert.Equal(Errno.None, GetAttributesRequest.Parse(new byte[16], out get));
        Assert.Null(get.Handle);
        Assert.Equal(Errno.None, GetAttributesRequest.ParseStatx(Body("statx"), out get));
        Assert.Equal(Nine, get.Handle);

        Assert.Equal(Errno.None, SetAttributesParser.Parse(Body("setattr"), out SetAttributesRequest set));
        Assert.Equal((SetAttributesMask)0x3F, set.Mask);
        Assert.Equal((1234ul, 0x81EDu, 1000u, 1001u), (set.SizeBytes, set.Mode, set.Uid, set.Gid));
        Assert.Equal((new FuseTime(100, 1), new FuseTime(200, 2), new FuseTime(300, 3)), (set.AccessTime, set.ModifyTime, set.ChangeTime));

        Assert.Equal(Errno.None, AccessRequest.Parse(Body("access"), out AccessRequest access));
        Assert.Equal(4u, access.Mask);
    }

    [Fact]
    public void Open_files()
    {
        Assert.Equal(Errno.None, OpenRequest.Parse(Body("open"), out OpenRequest open));
        Assert.Equal(new OpenRequest(0x8002, true), open);

        Assert.Equal(Errno.None, CreateRequest.Parse(Body("create"), out CreateRequest create));
        Assert.Equal(("file", 0x81A4u, 0x12u, 0x8042), (Text(create.Name), create.Mode, create.Umask, create.OpenFlags));

        Assert.Equal(Errno.None, CreateRequest.ParseTemporary(Body("tmpfile"), out CreateRequest temporary));
        Assert.Equal((0x8180u, 0x3Fu, 0x410002), (temporary.Mode, temporary.Umask, temporary.OpenFlags));

        Assert.Equal(Errno.None, ReadRequest.Parse(Body("read"), 4096, out ReadRequest read));
        Assert.Equal(new ReadRequest(Nine, 8192, 4096), read);
        Assert.Equal(Errno.EINVAL, ReadRequest.Parse(Body("read"), 4095, out _));

        Assert.Equal(Errno.None, WriteRequest.Parse(Body("write"), out WriteRequest write));
        Assert.Equal(new WriteRequest(Nine, 100, 5, true), write);
        Assert.Equal("hello", Text(Body("write").AsSpan(WriteRequest.DataOffset)));

        Assert.Equal(Errno.None, FlushRequest.Parse(Body("flush"), out FlushRequest flush));
        Assert.Equal(new FlushRequest(Nine, 0xABC), flush);

        Assert.Equal(Errno.None, ReleaseRequest.Parse(Body("release"), out ReleaseRequest release));
        Assert.Equal(new ReleaseRequest(Nine, 0x8001, true, 0xABC), release);

        Assert.Equal(Errno.None, FsyncRequest.Parse(Body("fsync"), out FsyncRequest fsync));
        Assert.Equal(new FsyncRequest(Nine, true), fsync);
    }

    [Fact]
    public void Ranges()
    {
        Assert.Equal(Errno.None, FallocateRequest.Parse(Body("fallocate"), out FallocateRequest fallocate));
        Assert.Equal(new FallocateRequest(Nine, 4096, 8192, 1), fallocate);

        Assert.Equal(Errno.None, SeekRequest.Parse(Body("lseek"), out SeekRequest seek));
        Assert.Equal(new SeekRequest(Nine, 4096, 3), seek);

        Assert.Equal(Errno.None, CopyFileRangeRequest.Parse(Body("copy_file_range"), out CopyFileRangeRequest copy));
        Assert.Equal(new CopyFileRangeRequest(Nine, 10, new NodeId(6), new FileHandle(11), 12, long.MaxValue - 12, 0), copy);
    }

    [Fact]
    public void Extended_attributes()
    {
        Assert.Equal(Errno.None, SetXattrRequest.Parse(Body("setxattr"), isExtended: true, out SetXattrRequest set));
        Assert.Equal(("user.a", "xyz", 1u, true), (Text(set.Name), Text(set.Value), set.Flags, set.KillSgid));

        byte[] compact = FrameBuilder.New().U32(3).U32(2).Name("user.a").Raw("xyz").Bytes();
        Assert.Equal(Errno.None, SetXattrRequest.Parse(compact, isExtended: false, out set));
        Assert.Equal(("user.a", "xyz", 2u, false), (Text(set.Name), Text(set.Value), set.Flags, set.KillSgid));

        Assert.Equal(Errno.None, GetXattrRequest.Parse(Body("getxattr"), out GetXattrRequest get));
        Assert.Equal(("user.a", 64), (Text(get.Name), get.SizeBytes));

        Assert.Equal(Errno.None, GetXattrRequest.ParseList(Body("listxattr"), out GetXattrRequest list));
        Assert.Equal(64, list.SizeBytes);

        Assert.Equal(Errno.None, XattrNameRequest.Parse(Body("removexattr"), out XattrNameRequest remove));
        Assert.Equal("user.a", Text(remove.Name));
    }

    [Fact]
    public void Locks_forgets_and_interrupts()
    {
        Assert.Equal(Errno.None, LockRequest.Parse(Body("setlk"), out LockRequest request));
        Assert.Equal(new LockRequest(Nine, new FileLock(0xABC, 10, 19, FileLockKind.Write, 77, IsFlock: true)), request);

        Assert.Equal(Errno.None, ForgetRequest.Parse(Body("forget"), out ForgetRequest forget));
        Assert.Equal(3ul, forget.Lookups);

        Assert.Equal(Errno.None, BatchForgetRequest.Parse(Body("batch_forget"), out BatchForgetRequest batch));
        Assert.Equal([new FuseForgetOne(8, 1), new FuseForgetOne(9, 4)], batch.Entries.ToArray());

        Assert.Equal(Errno.None, InterruptRequest.Parse(Body("interrupt"), out InterruptRequest interrupt));
        Assert.Equal(new RequestId(41), interrupt.Target);
    }

    [Fact]
    public void Init_joins_both_words_of_flags()
    {
        Assert.Equal(Errno.None, InitRequest.Parse(Body("init"), out InitRequest init));
        FuseInitFlags flags = FuseInitFlags.AsyncRead | FuseInitFlags.AtomicOpenTruncate | FuseInitFlags.InitExtended | FuseInitFlags.Passthrough;
        Assert.Equal(new InitRequest(7, 45, 131072, flags), init);
    }

    private static byte[] Body(string name) => GoldenRequests.All[name].Body;

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}

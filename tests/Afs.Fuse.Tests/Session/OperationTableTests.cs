using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using Afs.Fuse.Session;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Session;

/// <summary>Each line of the table: bytes of the kernel in, one call of the filesystem, the bytes of its answer out.</summary>
public sealed class OperationTableTests
{
    /// <summary>A reply that is a header and nothing else.</summary>
    private static readonly byte[] Bare = [];

    /// <summary>By the names of <see cref="GoldenRequests"/>: the call, and the payload. What has no reply has none.</summary>
    private static readonly Dictionary<string, (string Call, byte[]? Payload)> Expected = new()
    {
        ["lookup"] = ("Lookup node 5 file", Entry()),
        ["forget"] = ("Forget node 5 3", null),
        ["getattr"] = ("GetAttributes node 5 9", Attributes(45)),
        ["setattr"] = ("SetAttributes node 5 63 9 1234 100.1 200.2 300.3 33261 1000 1001", Attributes(46)),
        ["symlink"] = ("SymLink node 5 link ../target", Entry()),
        ["mknod"] = ("MakeNode node 5 null 8630 259 18", Entry()),
        ["mkdir"] = ("MakeDirectory node 5 folder 511 18", Entry()),
        ["unlink"] = ("Unlink node 5 file", Bare),
        ["rmdir"] = ("RemoveDirectory node 5 folder", Bare),
        ["rename"] = ("Rename node 5 old node 6 new 0", Bare),
        ["rename2"] = ("Rename node 5 old node 6 new 2", Bare),
        ["link"] = ("Link node 7 node 5 new", Entry()),
        ["open"] = ("Open node 5 32770 True", Open()),
        ["create"] = ("Create node 5 file 33188 18 32834", [.. Entry(), .. Open()]),
        ["tmpfile"] = ("TemporaryFile node 5 33152 63 4259842", [.. Entry(), .. Open()]),
        ["read"] = ("Read node 5 9 8192 4096", "abc"u8.ToArray()),
        ["write"] = ("Write node 5 9 100 hello KillSuidGid", New().U32(5).U32(0).Bytes()),
        ["release"] = ("Release node 5 9 32769 True 2748", Bare),
        ["flush"] = ("Flush node 5 9 2748", Bare),
        ["fsync"] = ("Fsync node 5 9 True", Bare),
        ["opendir"] = ("OpenDirectory node 5 98304", Open()),
        ["readdir"] = ("PrepareDirectory node 5 9 17 False; ReadDirectory node 5 9 17 False", DirectoryEntry()),
        ["readdirplus"] = ("PrepareDirectory node 5 9 17 True; ReadDirectory node 5 9 17 True", [.. Entry(), .. DirectoryEntry()]),
        ["releasedir"] = ("ReleaseDirectory node 5 9", Bare),
        ["fsyncdir"] = ("FsyncDirectory node 5 9 False", Bare),
        ["access"] = ("Access node 5 4", Bare),
        ["setxattr"] = ("SetXattr node 5 user.a xyz 1 True", Bare),
        ["getxattr"] = ("GetXattr node 5 user.a", "value"u8.ToArray()),
        ["listxattr"] = ("ListXattr node 5", "user.a\0"u8.ToArray()),
        ["removexattr"] = ("RemoveXattr node 5 user.a", Bare),
        ["fallocate"] = ("Fallocate node 5 9 4096 8192 1", Bare),
        ["lseek"] = ("Seek node 5 9 5000000000 3", New().U64(5_000_000_001).Bytes()),
        ["copy_file_range"] = ("CopyFileRange node 5 9 10 node 6 11 12 4294963200 0", New().U32(4294963200).U32(0).Bytes()),
        ["copy_file_range_64"] = ($"CopyFileRange node 5 9 10 node 6 11 12 {long.MaxValue - 12} 0", New().U64(long.MaxValue - 12).Bytes()),
        ["getlk"] = ("GetLock node 5 9 2748 10-19 Write 77 True", New().U64(10).U64(19).U32(1).U32(77).Bytes()),
        ["setlk"] = ("SetLock node 5 9 2748 10-19 Write 77 True False", Bare),
        ["setlkw"] = ("SetLock node 5 9 2748 10-19 Write 77 True True", Bare),
        ["statx"] = ("GetAttributes node 5 9", Statx()),
        ["batch_forget"] = ("Forget node 8 1; Forget node 9 4", null),
    };

    /// <summary>INIT comes before the session, and an INTERRUPT is no business of the filesystem.</summary>
    public static TheoryData<string> Golden => [.. GoldenRequests.All.Keys.Except(["init", "interrupt"])];

    public static TheoryData<string> WithReply => [.. Expected.Where(static line => line.Value.Payload is not null).Select(static line => line.Key)];

    [Theory]
    [MemberData(nameof(Golden))]
    public void A_request_becomes_its_call_and_the_result_its_reply(string name)
    {
        (FuseOpcode opcode, byte[] body) = GoldenRequests.All[name];
        (string call, byte[]? payload) = Expected[name];
        var fileSystem = new RecordingFileSystem();
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        kernel.Send(opcode, body, unique: 3, node: 5, thread: 77);
        KernelReply reply = payload is null ? kernel.Ask(FuseOpcode.Destroy, [], unique: 5) : kernel.Receive();
        Assert.Equal((payload is null ? 5ul : 3, Errno.None), (reply.Unique, reply.Error));
        Assert.Equal(payload ?? Bare, reply.Payload);
        Assert.True(SpinWait.SpinUntil(() => fileSystem.HasCalls, TimeSpan.FromSeconds(20)));
        Assert.Equal(payload is null ? call : "1000/1001/77 " + call, fileSystem.TakeCalls());
    }

    [Theory]
    [MemberData(nameof(WithReply))]
    public void A_refusal_has_no_payload(string name)
    {
        (FuseOpcode opcode, byte[] body) = GoldenRequests.All[name];
        using KernelEnd kernel = KernelEnd.Start(new RecordingFileSystem { Refusal = Errno.EBUSY });
        KernelReply reply = kernel.Ask(opcode, body, unique: 3, node: 5);
        Assert.Equal(Errno.EBUSY, reply.Error);
        Assert.Empty(reply.Payload);
    }

    /// <summary>Nobody can refuse a close. A directory is prepared by default, and refused when it is read.</summary>
    [Theory]
    [MemberData(nameof(WithReply))]
    public void What_a_filesystem_does_not_override_is_ENOSYS_but_for_closes(string name)
    {
        (FuseOpcode opcode, byte[] body) = GoldenRequests.All[name];
        using KernelEnd kernel = KernelEnd.Start(new BareFileSystem());
        Assert.Equal(name is "release" or "releasedir" ? Errno.None : Errno.ENOSYS, kernel.Ask(opcode, body, unique: 3, node: 5).Error);
    }

    [Fact]
    public void Messages_have_no_reply_and_are_quick_and_awaited_by_nobody()
    {
        foreach (FuseOpcode opcode in Enum.GetValues<FuseOpcode>())
        {
            Operation operation = OperationTable.Find(opcode);
            bool isMessage = opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt or FuseOpcode.NotifyReply;
            Assert.Equal(isMessage, operation.IsMessage);
            Assert.True(!isMessage || (operation.IsQuick && !operation.IsAwaited));
        }
    }

    /// <summary>fstat names the open file, stat doesn't.</summary>
    [Fact]
    public void The_attributes_of_no_open_file_are_asked_for_without_a_handle()
    {
        var fileSystem = new RecordingFileSystem();
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        Assert.Equal(Errno.None, kernel.Ask(FuseOpcode.GetAttr, New().U32(0).U32(0).U64(9).Bytes(), unique: 3, node: 5).Error);
        Assert.Equal("1000/1001/0 GetAttributes node 5 ", fileSystem.TakeCalls());
    }

    [Theory]
    [InlineData(0u, 0x8001u, WriteTraits.None)]
    [InlineData(1u, 0x8001u, WriteTraits.FromCache)]
    [InlineData(0u, 0x9001u, WriteTraits.Synchronous)]
    [InlineData(4u, 0x109001u, WriteTraits.Synchronous | WriteTraits.KillSuidGid)]
    public void Write_tells_by_its_flags_what_must_be_stable(uint writeFlags, uint openFlags, WriteTraits traits)
    {
        var fileSystem = new RecordingFileSystem();
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        kernel.Ask(FuseOpcode.Write, New().U64(9).U64(100).U32(5).U32(writeFlags).U64(0).U32(openFlags).U32(0).Raw("hello").Bytes(), unique: 3, node: 5);
        Assert.Equal($"1000/1001/0 Write node 5 9 100 hello {traits}", fileSystem.TakeCalls());
    }

    [Fact]
    public void SETXATTR_of_an_older_kernel_has_half_the_structure()
    {
        var reader = new FrameReader(New().U32(3).U32(2).Name("user.a").Raw("xyz").Bytes(), hasLongSetXattr: false);
        Named<FuseSetXattrIn> set = Requests.SetXattr(ref reader);
        Assert.Equal((Errno.None, new FuseSetXattrIn(3, 2, 0, 0)), (reader.Error, set.Head));
        Assert.Equal("user.a"u8, set.Name);
        Assert.Equal("xyz"u8, set.Second);
    }

    [Fact]
    public void INIT_joins_both_words_of_flags()
    {
        var reader = new FrameReader(GoldenRequests.All["init"].Body);
        FuseInitFlags flags = FuseInitFlags.AsyncRead | FuseInitFlags.AtomicOpenTruncate | FuseInitFlags.InitExtended | FuseInitFlags.Passthrough;
        Assert.Equal(new InitRequest(7, 45, 131072, flags), Requests.Init(ref reader));
        Assert.Equal(Errno.None, reader.Error);
    }

    [Fact]
    public void Extensions_at_the_end_are_no_part_of_the_body()
    {
        byte[] frame = New().U32(40 + 8 + 8).U32(1).U64(42).U64(5).U32(0).U32(0).U32(0).U16(1).U16(0).Name("file123").Zeros(8).Bytes();
        Assert.True(FrameReader.TryOpen(frame, out _, out ReadOnlySpan<byte> body));
        Assert.Equal("file123\0"u8, body);
    }

    private static FrameBuilder New() => FrameBuilder.New();

    private static byte[] Entry() => [.. New().U64(41).U64(42).U64(43).U64(44).U32(0).U32(0).Bytes(), .. Attr()];

    private static byte[] Attributes(ulong seconds) => [.. New().U64(seconds).U32(0).U32(0).Bytes(), .. Attr()];

    private static byte[] Attr() => New()
        .U64(21).U64(22).U64(23).U64(24).U64(26).U64(28).U32(25).U32(27).U32(29).U32(0x81A4).U32(30).U32(31).U32(32).U32(33).U32(4096).U32(0).Bytes();

    private static byte[] Open() => New().U64(51).U32((uint)OpenReplyFlags.KeepCache).U32(0).Bytes();

    private static byte[] DirectoryEntry() => New().U64(61).U64(1).U32(1).U32(8).Name("a").Zeros(6).Bytes();

    private static byte[] Statx() => New()
        .U64(45).U32(0).U32(0).Zeros(16).U32(0x7FF).U32(4096).U64(0).U32(30).U32(31).U32(32).U16(0x81A4).U16(0).U64(21).U64(22).U64(23).U64(0)
        .U64(24).U32(25).U32(0).Zeros(16).U64(28).U32(29).U32(0).U64(26).U32(27).U32(0).U32(0).U32(33).U32(0).U32(0).Zeros(112).Bytes();

    private sealed class BareFileSystem : FuseFileSystem;
}

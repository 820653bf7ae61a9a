using Afs.Fuse.Abi;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Session;

/// <summary>Whatever comes, the right errno goes back and the session lives.</summary>
public sealed class RequestRobustnessTests
{
    private static readonly FuseOpcode[] WithoutReply = [FuseOpcode.Forget, FuseOpcode.BatchForget, FuseOpcode.Interrupt];

    /// <summary>All but INIT, which a running session refuses whatever it says.</summary>
    public static TheoryData<string> Golden => [.. GoldenRequests.All.Keys.Where(name => name != "init")];

    [Theory]
    [MemberData(nameof(Golden))]
    public void Every_truncation_gets_an_errno(string name)
    {
        (FuseOpcode opcode, byte[] body) = GoldenRequests.All[name];
        var fileSystem = new ScriptedFileSystem();
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        for (int length = 0; length < body.Length; length++)
        {
            kernel.Send(opcode, body[..length], unique: (ulong)length + 100);
            if (!WithoutReply.Contains(opcode))
            {
                KernelReply reply = kernel.Receive();
                Assert.Equal((ulong)length + 100, reply.Unique);
                Assert.Equal(Errno.EINVAL, reply.Error);
                Assert.Empty(reply.Payload);
            }
        }

        Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, GoldenRequests.All["lookup"].Body, unique: 9999).Error);
        Assert.Empty(fileSystem.Calls);
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void Every_truncated_frame_is_refused_or_dropped(string name)
    {
        (FuseOpcode opcode, byte[] body) = GoldenRequests.All[name];
        byte[] frame = FrameBuilder.Request(opcode, body, unique: 50, node: 1);
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem());
        for (int length = 1; length < frame.Length; length++)
        {
            kernel.SendRaw(frame[..length]);
            if (length >= 40)
            {
                Assert.Equal((50ul, Errno.EINVAL), (kernel.Receive() is var reply ? reply.Unique : 0, reply.Error));
            }
        }

        Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, GoldenRequests.All["lookup"].Body, unique: 9999).Error);
    }

    [Theory]
    [InlineData(FuseOpcode.Ioctl, Errno.ENOTTY)]
    [InlineData(FuseOpcode.Poll, Errno.ENOSYS)]
    [InlineData(FuseOpcode.Bmap, Errno.ENOSYS)]
    [InlineData(FuseOpcode.SyncFs, Errno.ENOSYS)]
    [InlineData((FuseOpcode)4242, Errno.ENOSYS)]
    [InlineData(FuseOpcode.Init, Errno.EPROTO)]
    [InlineData(FuseOpcode.Destroy, Errno.None)]
    public void What_is_not_served_has_its_errno(FuseOpcode opcode, Errno expected)
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem());
        Assert.Equal(expected, kernel.Ask(opcode, new byte[64], unique: 3).Error);
    }

    [Fact]
    public void What_a_filesystem_does_not_override_is_refused()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem());
        Assert.Equal(Errno.ENOSYS, kernel.Ask(FuseOpcode.MkDir, GoldenRequests.All["mkdir"].Body, unique: 3).Error);
    }

    [Fact]
    public void An_exception_is_EIO_and_a_line_in_the_log_with_operation_node_and_request()
    {
        var log = new RecordingLog();
        var fileSystem = new ScriptedFileSystem { OnLookup = (_, _) => throw new InvalidOperationException("boom") };
        using KernelEnd kernel = KernelEnd.Start(fileSystem, log);
        Assert.Equal(Errno.EIO, kernel.Ask(FuseOpcode.Lookup, GoldenRequests.All["lookup"].Body, unique: 3, node: 5).Error);
        Assert.Equal(["failed Lookup node 5 3 boom"], log.Lines);
    }

    [Fact]
    public void An_exception_of_a_waiting_operation_is_EIO_too()
    {
        var log = new RecordingLog();
        var pending = new TaskCompletionSource<FuseResult<EntryReply>>();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnLookup = (_, _) => new(pending.Task) }, log);
        kernel.Send(FuseOpcode.Lookup, GoldenRequests.All["lookup"].Body, unique: 3, node: 5);
        pending.SetException(new InvalidOperationException("boom"));
        Assert.Equal(Errno.EIO, kernel.Receive().Error);
        Assert.Equal(["failed Lookup node 5 3 boom"], log.Lines);
    }

    [Fact]
    public void A_read_that_claims_more_than_it_was_asked_for_is_EIO()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnRead = room => new(room.Length + 1) });
        KernelReply reply = kernel.Ask(FuseOpcode.Read, GoldenRequests.All["read"].Body, unique: 3);
        Assert.Equal(Errno.EIO, reply.Error);
        Assert.Empty(reply.Payload);
    }

    [Fact]
    public void A_short_read_sends_no_more_than_was_read()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnRead = room =>
            {
                "abc"u8.CopyTo(room.Span);
                return new(3);
            },
        });
        Assert.Equal("abc"u8.ToArray(), kernel.Ask(FuseOpcode.Read, GoldenRequests.All["read"].Body, unique: 3).Payload);
    }

    [Theory]
    [InlineData(0u, Errno.None, 8)]
    [InlineData(4u, Errno.ERANGE, 0)]
    [InlineData(5u, Errno.None, 5)]
    [InlineData(uint.MaxValue, Errno.None, 5)]
    public void An_attribute_is_answered_by_size_by_value_or_ERANGE(uint room, Errno expected, int payloadBytes)
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { Xattr = "value"u8.ToArray() });
        KernelReply reply = kernel.Ask(FuseOpcode.GetXattr, FrameBuilder.New().U32(room).U32(0).Name("user.a").Bytes(), unique: 3);
        Assert.Equal((expected, payloadBytes), (reply.Error, reply.Payload.Length));
    }
}

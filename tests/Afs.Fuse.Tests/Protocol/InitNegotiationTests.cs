using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Protocol;

public sealed class InitNegotiationTests
{
    private const FuseInitFlags Everything = (FuseInitFlags)ulong.MaxValue;
    private static readonly FuseMountOptions Plain = new() { Source = "s", SubType = "t" };

    [Fact]
    public void Takes_what_it_wants_and_nothing_else()
    {
        Errno error = InitNegotiation.Negotiate(new InitRequest(7, 45, 131072, Everything), Plain, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes);
        Assert.Equal(Errno.None, error);
        FuseInitFlags never = FuseInitFlags.WritebackCache | FuseInitFlags.PosixAcl | FuseInitFlags.Passthrough | FuseInitFlags.PosixLocks
            | FuseInitFlags.FlockLocks | FuseInitFlags.AllowIdmap | FuseInitFlags.SpliceRead | FuseInitFlags.NoOpenSupport
            | FuseInitFlags.NoOpenDirectorySupport | FuseInitFlags.OverIoUring | FuseInitFlags.RequestTimeout | FuseInitFlags.SecurityContext;
        Assert.Equal(FuseInitFlags.None, flags & never);
        FuseInitFlags always = FuseInitFlags.DontMask | FuseInitFlags.AtomicOpenTruncate | FuseInitFlags.HandleKillPrivilegesV2
            | FuseInitFlags.DoReadDirPlus | FuseInitFlags.CacheSymLinks | FuseInitFlags.HasResend | FuseInitFlags.InitExtended;
        Assert.Equal(always, flags & always);
        Assert.Equal(1 << 20, maxWriteBytes);
        Assert.Equal((7u, 45u, 131072u, (ushort)256, 0u), (reply.Major, reply.Minor, reply.MaxReadaheadBytes, reply.MaxPages, reply.MaxStackDepth));
    }

    [Fact]
    public void Never_agrees_to_what_was_not_offered()
    {
        InitNegotiation.Negotiate(new InitRequest(7, 31, 0, FuseInitFlags.AsyncRead), Plain, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes);
        Assert.Equal(FuseInitFlags.AsyncRead, flags);
        Assert.Equal(32 * 4096, maxWriteBytes);
        Assert.Equal(31u, reply.Minor);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Passthrough_brings_its_stack_depth(int depth)
    {
        FuseMountOptions options = Plain with { Passthrough = true, PassthroughStackDepth = depth };
        InitNegotiation.Negotiate(new InitRequest(7, 45, 0, Everything), options, out FuseInitOut reply, out FuseInitFlags flags, out _);
        Assert.True(flags.HasFlag(FuseInitFlags.Passthrough));
        Assert.Equal((uint)depth, reply.MaxStackDepth);
        Assert.Equal(1u << 5, reply.Flags2 & (1u << 5));
    }

    [Fact]
    public void Access_lists_are_asked_for()
    {
        InitNegotiation.Negotiate(new InitRequest(7, 45, 0, Everything), Plain with { PosixAccessLists = true }, out _, out FuseInitFlags flags, out _);
        Assert.True(flags.HasFlag(FuseInitFlags.PosixAcl | FuseInitFlags.DontMask));
    }

    [Fact]
    public void Remote_locks_take_both_kinds()
    {
        InitNegotiation.Negotiate(new InitRequest(7, 45, 0, Everything), Plain with { RemoteLocks = true }, out _, out FuseInitFlags flags, out _);
        Assert.True(flags.HasFlag(FuseInitFlags.PosixLocks | FuseInitFlags.FlockLocks));
    }

    [Theory]
    [InlineData(6u, 99u)]
    [InlineData(7u, 30u)]
    public void A_kernel_that_is_too_old_is_refused(uint major, uint minor) =>
        Assert.Equal(Errno.EPROTO, InitNegotiation.Negotiate(new InitRequest(major, minor, 0, Everything), Plain, out _, out _, out _));

    [Fact]
    public void The_reply_has_64_bytes_and_zeros_where_nothing_is_defined()
    {
        InitNegotiation.Negotiate(new InitRequest(7, 45, 131072, FuseInitFlags.AsyncRead | FuseInitFlags.InitExtended), Plain, out FuseInitOut reply, out _, out _);
        byte[] buffer = new byte[80];
        Array.Fill(buffer, (byte)0xCC);
        Assert.Equal(64, ReplyWriter.Init(buffer, reply));
        byte[] expected = FrameBuilder.New().U32(7).U32(45).U32(131072).U32(0x40000001).U16(64).U16(48).U32(131072).U32(1).U16(32).U16(0).U32(0).U32(0).Zeros(24).Bytes();
        Assert.Equal(expected, buffer[..64]);
    }
}

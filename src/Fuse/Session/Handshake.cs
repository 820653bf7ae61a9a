using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Afs.Fuse.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Session;

/// <summary>
/// Reads INIT, which the kernel sends first, and answers it. Then it tries whether passthrough works: the answer to
/// INIT says that it is wanted, and nothing tells the daemon whether it was granted.
/// </summary>
internal static class Handshake
{
    private const int MaxInitRounds = 4;

    /// <exception cref="FuseException">The kernel is too old, or the connection broke.</exception>
    public static FuseConnectionInfo Run(FuseDevice device, FuseMountOptions options)
    {
        byte[] frame = GC.AllocateUninitializedArray<byte>((1 << 20) + FuseProtocol.PageBytes);
        for (int round = 0; round < MaxInitRounds; round++)
        {
            (RequestId id, InitRequest offer) = ReadInit(device, frame);
            Errno error = InitNegotiation.Negotiate(offer, options, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes);
            Answer(device, id, error, reply);
            if (error != Errno.None)
            {
                throw new FuseException($"The kernel speaks FUSE {offer.Major}.{offer.Minor}, which is too old.", error);
            }

            if (offer.Major == FuseProtocol.Major)
            {
                return Describe(device, offer, flags, maxWriteBytes);
            }
        }

        throw new FuseException("The kernel and this library found no common version of FUSE.", Errno.EPROTO);
    }

    private static (RequestId Id, InitRequest Offer) ReadInit(FuseDevice device, byte[] frame)
    {
        Errno error;
        int frameBytes;
        do
        {
            error = device.Read(frame, out frameBytes);
        }
        while (error is Errno.EINTR or Errno.EAGAIN);

        if (error != Errno.None)
        {
            throw new FuseException("The kernel sent no INIT.", error);
        }

        bool isWhole = FrameReader.TryOpen(frame.AsSpan(0, frameBytes), out FuseInHeader header, out ReadOnlySpan<byte> body);
        var reader = new FrameReader(body);
        InitRequest offer = Requests.Init(ref reader);
        return isWhole && header.Opcode == FuseOpcode.Init && reader.Error == Errno.None
            ? (header.Id, offer)
            : throw new FuseException("The kernel's first request was no INIT.", Errno.EPROTO);
    }

    private static void Answer(FuseDevice device, RequestId id, Errno error, in FuseInitOut reply)
    {
        Span<byte> frame = stackalloc byte[FuseOutHeader.SizeBytes + 64];
        int payloadBytes = error == Errno.None ? ReplyWriter.Init(frame[FuseOutHeader.SizeBytes..], reply) : 0;
        ReplyWriter.Header(frame, id, error, payloadBytes);
        Errno delivery = device.Write(frame[..(FuseOutHeader.SizeBytes + payloadBytes)]);
        if (delivery != Errno.None)
        {
            throw new FuseException("The kernel refused the reply to INIT.", delivery);
        }
    }

    private static FuseConnectionInfo Describe(FuseDevice device, in InitRequest offer, FuseInitFlags flags, int maxWriteBytes)
    {
        uint minor = Math.Min(offer.Minor, FuseProtocol.Minor);
        return new FuseConnectionInfo
        {
            Major = FuseProtocol.Major,
            Minor = minor,
            Flags = (ulong)flags,
            MaxWriteBytes = maxWriteBytes,
            Passthrough = flags.HasFlag(FuseInitFlags.Passthrough) && CanRegisterBacking(device),
            HasEpoch = minor >= FuseProtocol.EpochMinor,
            HasExpireOnly = offer.Flags.HasFlag(FuseInitFlags.HasExpireOnly),
            HasResend = flags.HasFlag(FuseInitFlags.HasResend),
        };
    }

    private static bool CanRegisterBacking(FuseDevice device)
    {
        const uint CloseOnExec = 1;
        int descriptor = NativeMethods.MemfdCreate("fuse-passthrough-probe", CloseOnExec);
        if (descriptor < 0)
        {
            return false;
        }

        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        FuseResult<BackingId> backing = device.OpenBacking(descriptor);
        return backing.IsSuccess && device.CloseBacking(backing.Value) == Errno.None;
    }
}

/// <summary>Stands in where the caller gave no log.</summary>
internal sealed class SilentFuseLog : IFuseLog
{
    public static readonly SilentFuseLog Instance = new();

    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception)
    {
    }

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes)
    {
    }

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error)
    {
    }

    public void DeviceFailed(Errno error)
    {
    }
}

using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Afs.Fuse.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Session;

/// <summary>
/// Reads INIT, which the kernel sends first, and answers it. Whether passthrough works is then tried out: the reply to
/// INIT tells the kernel what is wanted, but nothing tells the daemon whether it was granted.
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
            (RequestHeader header, InitRequest offer) = ReadInit(device, frame);
            Errno error = InitNegotiation.Negotiate(offer, options, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes);
            Answer(device, header.Id, error, reply);
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

    private static (RequestHeader Header, InitRequest Offer) ReadInit(FuseDevice device, byte[] frame)
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

        bool whole = RequestHeader.TryParse(frame.AsSpan(0, frameBytes), out RequestHeader header, out ReadOnlySpan<byte> body);
        if (!whole || header.Opcode != FuseOpcode.Init || InitRequest.Parse(body, out InitRequest offer) != Errno.None)
        {
            throw new FuseException("The kernel's first request was no INIT.", Errno.EPROTO);
        }

        return (header, offer);
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

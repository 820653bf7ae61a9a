using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>What INIT agrees on: a pure function of what the kernel offers and what the options ask for.</summary>
internal static class InitNegotiation
{
    private const FuseInitFlags AlwaysWanted =
        FuseInitFlags.AsyncRead | FuseInitFlags.AtomicOpenTruncate | FuseInitFlags.BigWrites | FuseInitFlags.DontMask
        | FuseInitFlags.DoReadDirPlus | FuseInitFlags.ReadDirPlusAuto | FuseInitFlags.AsyncDirectIo
        | FuseInitFlags.ParallelDirectoryOperations | FuseInitFlags.MaxPages | FuseInitFlags.CacheSymLinks
        | FuseInitFlags.HandleKillPrivilegesV2 | FuseInitFlags.SetXattrExtended | FuseInitFlags.InitExtended
        | FuseInitFlags.DirectIoAllowMmap | FuseInitFlags.HasResend;

    /// <summary>How many requests that no caller waits for (readahead, for example) the kernel may have sent at one time.</summary>
    private const ushort MaxBackground = 64;

    /// <summary>EPROTO: the kernel is older than Linux 5.4. A kernel of a newer major version gets ours as the answer, and sends INIT again with that.</summary>
    public static Errno Negotiate(in InitRequest offer, FuseMountOptions options, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes)
    {
        reply = default;
        flags = FuseInitFlags.None;
        maxWriteBytes = 0;
        if (offer.Major < FuseProtocol.Major || (offer.Major == FuseProtocol.Major && offer.Minor < FuseProtocol.OldestMinor))
        {
            return Errno.EPROTO;
        }

        flags = offer.Flags & Wanted(options);
        int maxPages = (flags & FuseInitFlags.MaxPages) != 0 ? options.MaxWriteBytes / FuseProtocol.PageBytes : FuseProtocol.DefaultMaxPages;
        maxWriteBytes = Math.Min(options.MaxWriteBytes, maxPages * FuseProtocol.PageBytes);
        reply = new FuseInitOut(
            FuseProtocol.Major,
            Math.Min(offer.Minor, FuseProtocol.Minor),
            offer.MaxReadaheadBytes,
            (uint)flags,
            MaxBackground,
            MaxBackground * 3 / 4,
            (uint)maxWriteBytes,
            1,
            (ushort)maxPages,
            0,
            (uint)((ulong)flags >> 32),
            (flags & FuseInitFlags.Passthrough) != 0 ? (uint)options.PassthroughStackDepth : 0,
            default);
        return Errno.None;
    }

    private static FuseInitFlags Wanted(FuseMountOptions options)
    {
        FuseInitFlags wanted = AlwaysWanted;
        if (options.Passthrough)
        {
            wanted |= FuseInitFlags.Passthrough;
        }

        if (options.PosixAccessLists)
        {
            wanted |= FuseInitFlags.PosixAcl;
        }

        if (options.RemoteLocks)
        {
            wanted |= FuseInitFlags.PosixLocks | FuseInitFlags.FlockLocks;
        }

        return wanted;
    }
}

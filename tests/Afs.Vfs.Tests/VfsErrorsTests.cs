using System.Reflection;
using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Every failure has an errno.</summary>
public sealed class VfsErrorsTests
{
    /// <summary>Those that are rightly "something is wrong with the storage".</summary>
    /// <summary>No operation's own: an fsync is told that something before it isn't done.</summary>
    private static readonly AbortCode[] OfBatches = [AbortCodes.FidNotLeased, AbortCodes.BatchOutOfOrder, AbortCodes.TokenHeld, AbortCodes.NotPreceded];

    private static readonly AbortCode[] InputOutputErrors = [AbortCodes.ChecksumMismatch, AbortCodes.NoUpload, AbortCodes.ServerDiskFailed, AbortCodes.LockLost, .. OfBatches];

    [Fact]
    public void Every_abort_code_has_an_errno_of_its_own()
    {
        IEnumerable<AbortCode> codes = typeof(AbortCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (AbortCode)f.GetValue(null)!);

        Assert.All(codes.Except(InputOutputErrors), code => Assert.NotEqual(Errno.EIO, VfsErrors.ToErrno(code)));
    }

    [Fact]
    public void Every_kind_of_failure_has_an_errno()
    {
        foreach (FailureKind kind in Enum.GetValues<FailureKind>().Except([FailureKind.None, FailureKind.Refused]))
            Assert.NotEqual(Errno.None, ((Failure)kind).ToErrno());
        Assert.Equal(Errno.None, Failure.None.ToErrno());
        Assert.Equal(Errno.EIO, ((Failure)FailureKind.ServerMisbehaved).ToErrno());
        Assert.Equal(Errno.EIO, VfsErrors.ToErrno(new AbortCode(7)));
    }
}

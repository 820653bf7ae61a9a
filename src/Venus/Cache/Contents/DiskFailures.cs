using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>What a failure of the cache's disk means to the process that waits.</summary>
internal static class DiskFailures
{
    public static Failure ToFailure(DiskException e) => e.Failure switch
    {
        DiskFailure.NoSpace => FailureKind.CacheFull,
        DiskFailure.TooManyOpenFiles => FailureKind.TooManyOpenFiles,
        _ => FailureKind.CacheDiskFailed,
    };
}

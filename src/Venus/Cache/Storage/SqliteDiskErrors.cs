using Afs.Platform;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>What SQLite says of the disk under the cache's databases.</summary>
internal static class SqliteDiskErrors
{
    private const int Full = 13, ReadOnly = 8, CannotOpen = 14;

    public static DiskException Translate(SqliteException e)
    {
        DiskFailure failure = e.SqliteErrorCode switch
        {
            Full => DiskFailure.NoSpace,
            ReadOnly => DiskFailure.ReadOnly,
            CannotOpen => DiskFailure.NoPermission,
            _ => DiskFailure.Failed,
        };
        return new DiskException(failure, $"The cache's database: {e.Message}", e);
    }
}

using Afs.Platform;
using Afs.Venus.Cache;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>A database of the cache that can't be used is refused with a reason, and stays as it is: nothing in it is lost by that.</summary>
public sealed class CacheDatabaseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("database-test-").FullName;

    private string Database => Path.Combine(_folder, "cache.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("index")]
    [InlineData("vnodes")]
    public async Task OfANewerFormat_ItIsRefused(string kind)
    {
        await OpenAsync(kind);
        Execute("PRAGMA user_version = 7");
        DiskException refusal = await Assert.ThrowsAsync<DiskException>(() => OpenAsync(kind));
        Assert.Equal(DiskFailure.Failed, refusal.Failure);
        Assert.Contains("format 7 is newer", refusal.Message, StringComparison.Ordinal);
        Execute("PRAGMA user_version = 1");
        await OpenAsync(kind);
    }

    [Theory]
    [InlineData("index")]
    [InlineData("vnodes")]
    public async Task Damaged_ItIsRefused(string kind)
    {
        await OpenAsync(kind);
        byte[] bytes = await File.ReadAllBytesAsync(Database, TestContext.Current.CancellationToken);
        bytes.AsSpan(bytes.Length / 2).Fill(0xA5);
        await File.WriteAllBytesAsync(Database, bytes, TestContext.Current.CancellationToken);
        Assert.Equal(DiskFailure.Failed, (await Assert.ThrowsAsync<DiskException>(() => OpenAsync(kind))).Failure);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Database, TestContext.Current.CancellationToken));
    }

    private async Task OpenAsync(string kind)
    {
        if (kind == "index")
            await SqliteContainerIndex.Open(Database, new FakeTime(), NullLogger.Instance).DisposeAsync();
        else
            SqliteSavedVnodes.Open(Database).Dispose();
    }

    private void Execute(string sql)
    {
        SystemSqlite.Use();
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

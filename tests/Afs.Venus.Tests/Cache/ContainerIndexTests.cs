using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>The index of containers when its database refuses.</summary>
public sealed class ContainerIndexTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("index-test-").FullName;

    private string Database => Path.Combine(_folder, "index.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>As SQLite does on a full disk: the statement fails, and the transaction is gone already.</summary>
    [Fact]
    public async Task AChangeWhoseTransactionSqliteEnds_Fails_AndLaterOnesAreMade()
    {
        await using (SqliteContainerIndex made = Open())
            await made.FlushAsync();
        RefuseWhenMarked();
        await using (SqliteContainerIndex index = Open())
        {
            await index.PutAsync(Record(1)).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
            DiskException refusal = await Assert.ThrowsAsync<DiskException>(() => index.PutAsync(Record(Marked)).AsTask());
            Assert.Contains("no more room", refusal.Message, StringComparison.Ordinal);
            await index.PutAsync(Record(2)).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        await using SqliteContainerIndex again = Open();
        Assert.Equal([1UL, 2UL], again.Load().Select(record => record.Id.Value));
    }

    private const ulong Marked = 13;

    private void RefuseWhenMarked()
    {
        SystemSqlite.Use();
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = $"CREATE TRIGGER refuse BEFORE INSERT ON containers WHEN new.id = {Marked} BEGIN SELECT RAISE(ROLLBACK, 'no more room'); END";
        command.ExecuteNonQuery();
    }

    private SqliteContainerIndex Open() => SqliteContainerIndex.Open(Database, NullLogger.Instance);

    private static ContainerRecord Record(ulong id) => new(
        new ContainerId(id), new Fid(new VolumeId(1), new VnodeNumber(id), new Uniquifier(1)), new DataVersion(1), default, 0, default, "boot");
}

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

    private readonly FakeTime _time = new();
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
            await PutAsync(index, Record(1)).WaitAsync(Patience, TestContext.Current.CancellationToken);
            DiskException refusal = await Assert.ThrowsAsync<DiskException>(() => PutAsync(index, Record(Marked)));
            Assert.Contains("no more room", refusal.Message, StringComparison.Ordinal);
            await PutAsync(index, Record(2)).WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        await using SqliteContainerIndex again = Open();
        Assert.Equal([1UL, 2UL], again.Load().Select(record => record.Id.Value));
    }

    /// <summary>Whoever waits makes his change on his own thread, with all that came before it, in one transaction.</summary>
    [Fact]
    public async Task WhoNeedsAChange_MakesAllThatWait_WithoutAnotherThread()
    {
        await using (SqliteContainerIndex index = Open())
        {
            index.PutLater(Record(1));
            index.PutLater(Record(2));
            index.DeleteLater(new ContainerId(2));
            ValueTask put = index.PutAsync(Record(3));
            Assert.False(put.IsCompleted);
            index.Commit();
            Assert.True(put.IsCompleted);
            await put;
            Assert.Equal([1UL, 3UL], index.Load().Select(record => record.Id.Value));
        }
    }

    /// <summary>What nobody waits for is made soon, and of several changes of one container the last.</summary>
    [Fact]
    public async Task WhatNobodyWaitsFor_IsMadeAfterTheDelay()
    {
        await using SqliteContainerIndex index = Open();
        index.PutLater(Record(1));
        index.PutLater(Record(1) with { State = ContainerState.Clean });
        Assert.Empty(index.Load());
        _time.Advance(SqliteContainerIndex.Delay);
        Assert.Equal([Record(1) with { State = ContainerState.Clean }], index.Load());
        index.DeleteLater(new ContainerId(1));
        _time.Advance(SqliteContainerIndex.Delay);
        Assert.Empty(index.Load());
    }

    /// <summary>What must outlast a loss of power isn't delayed, and holds up nobody who asks for it.</summary>
    [Fact]
    public async Task WhatMustOutlastALossOfPower_GoesAtOnce()
    {
        await using (SqliteContainerIndex index = Open())
        {
            index.PutLater(Record(1), outlastsPowerLoss: true);
            await PutAsync(index, Record(2)).WaitAsync(Patience, TestContext.Current.CancellationToken);
            Assert.Equal([1UL, 2UL], index.Load().Select(record => record.Id.Value));
        }
    }

    /// <summary>What waits at the end is made, by whomever; what comes later is refused.</summary>
    [Fact]
    public async Task AtTheEnd_AllThatWaitsIsMade()
    {
        SqliteContainerIndex index = Open();
        await Task.WhenAll(Enumerable.Range(1, 200).Select(i => Task.Run(async () =>
        {
            index.PutLater(Record((ulong)i + 1000));
            await PutAsync(index, Record((ulong)i));
        }))).WaitAsync(Patience, TestContext.Current.CancellationToken);
        await index.DisposeAsync();
        await Assert.ThrowsAsync<DiskException>(() => index.PutAsync(Record(1)).AsTask());
        await using SqliteContainerIndex again = Open();
        Assert.Equal(400, again.Load().Count);
    }

    private static Task PutAsync(SqliteContainerIndex index, ContainerRecord record)
    {
        Task put = index.PutAsync(record).AsTask();
        index.Commit();
        return put;
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

    private SqliteContainerIndex Open() => SqliteContainerIndex.Open(Database, _time, NullLogger.Instance);

    private static ContainerRecord Record(ulong id) => new(
        new ContainerId(id), new Fid(new VolumeId(1), new VnodeNumber(id), new Uniquifier(1)), new DataVersion(1), default, 0, default, "boot");
}

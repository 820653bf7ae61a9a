using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>The index of containers: when a change is made, when its database has it, and what happens when that refuses.</summary>
public sealed class ContainerIndexTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTime _time = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("index-test-").FullName;
    private readonly FullDisk _disk;

    public ContainerIndexTests() => _disk = new FullDisk(new LinuxDisk(_folder));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>An open for writing waits for no database: its mark is made when the call returns, and a process that ends then loses nothing.</summary>
    [Fact]
    public async Task AChangeIsMadeAtOnce_AndThereForTheNextProcess()
    {
        await using LiteDbContainerIndex index = Open();
        _disk.IsFull = true; // Its database can't have it.
        Assert.True(index.PutAsync(Record(1)).IsCompletedSuccessfully);
        index.PutLater(Record(2));
        index.DeleteLater(new ContainerId(2));
        Assert.Empty(RowsInDatabase());
        await using LiteDbContainerIndex next = OpenCopy();
        Assert.Equal([Record(1)], next.Load());
        _disk.IsFull = false;
    }

    /// <summary>What nobody waits for is written soon, and of several changes of one container the last.</summary>
    [Fact]
    public async Task WhatNobodyWaitsFor_IsInTheDatabaseAfterTheDelay()
    {
        await using LiteDbContainerIndex index = Open();
        index.PutLater(Record(1));
        index.PutLater(Record(1) with { State = ContainerState.Clean });
        Assert.Empty(RowsInDatabase());
        _time.Advance(LiteDbContainerIndex.Delay);
        await Eventually.BecomesTrueAsync(() => RowsInDatabase().SequenceEqual([Record(1) with { State = ContainerState.Clean }]));
        index.DeleteLater(new ContainerId(1));
        _time.Advance(LiteDbContainerIndex.Delay);
        await Eventually.BecomesTrueAsync(() => RowsInDatabase().Count == 0);
    }

    /// <summary>What must outlast a loss of power isn't delayed, and holds up nobody who asks for it.</summary>
    [Fact]
    public async Task WhatMustOutlastALossOfPower_GoesAtOnce()
    {
        await using LiteDbContainerIndex index = Open();
        index.PutLater(Record(1), outlastsPowerLoss: true);
        await index.PutAsync(Record(2), outlastsPowerLoss: true).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([Record(1), Record(2)], RowsInDatabase());
    }

    /// <summary>What the database refuses stays to be written: a newer change takes its place, or it is made once there is room.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AChangeThatWasRefused_IsMadeLater(bool isReplaced)
    {
        ContainerRecord newer = Record(1) with { State = ContainerState.Clean };
        await using (LiteDbContainerIndex index = Open())
        {
            _disk.IsFull = true;
            index.PutLater(Record(1), outlastsPowerLoss: true);
            await Eventually.BecomesTrueAsync(() => index.Trouble is not null);
            Assert.Contains("No space", index.Trouble, StringComparison.Ordinal);
            Assert.Equal(1, index.UnwrittenCount);
            DiskException refusal = await Assert.ThrowsAsync<DiskException>(() => index.PutAsync(Record(2), outlastsPowerLoss: true).AsTask());
            Assert.Equal(DiskFailure.NoSpace, refusal.Failure);
            await Assert.ThrowsAsync<DiskException>(() => index.FlushAsync().AsTask());
            if (isReplaced)
                index.PutLater(newer);
            _disk.IsFull = false;
            await Eventually.BecomesTrueAsync(() => index.UnwrittenCount == 0 && index.Trouble is null, () => _time.Advance(TimeSpan.FromSeconds(1)));
            Assert.Equal([isReplaced ? newer : Record(1), Record(2)], RowsInDatabase());
        }

        await using LiteDbContainerIndex again = Open();
        Assert.Equal([isReplaced ? newer : Record(1), Record(2)], again.Load());
    }

    /// <summary>An end that leaves something unwritten leaves it in the journal.</summary>
    [Fact]
    public async Task WhatTheDatabaseRefusedUntilTheEnd_IsThereForTheNext()
    {
        await using (LiteDbContainerIndex index = Open())
        {
            await index.FlushAsync();
            _disk.IsFull = true;
            await index.PutAsync(Record(1));
            await Assert.ThrowsAsync<DiskException>(() => index.FlushAsync().AsTask());
        }
        _disk.IsFull = false;
        await using LiteDbContainerIndex next = Open();
        Assert.Equal([Record(1)], next.Load());
        await next.FlushAsync();
        Assert.Equal([Record(1)], RowsInDatabase());
    }

    /// <summary>More than go into one transaction, and gone again.</summary>
    [Fact]
    public async Task VeryManyAtOnce_AreAllMade()
    {
        const ulong many = 10_000;
        await using LiteDbContainerIndex index = Open();
        for (ulong id = 1; id <= many; id++)
            index.PutLater(Record(id));
        await index.FlushAsync();
        Assert.Equal((int)many, RowsInDatabase().Count);
        for (ulong id = 2; id <= many; id++)
            index.DeleteLater(new ContainerId(id));
        index.PutLater(Record(1) with { State = ContainerState.Dirty });
        await index.FlushAsync();
        Assert.Equal([Record(1) with { State = ContainerState.Dirty }], RowsInDatabase());
    }

    /// <summary>Where there was no room for a journal, whoever needs a change waits for the database.</summary>
    [Fact]
    public async Task WithoutAJournal_AChangeIsMadeWhenTheDatabaseHasIt()
    {
        await Open().DisposeAsync();
        await using var index = LiteDbContainerIndex.Open(_disk, CacheIndexFile.Name, records: null, IndexWorkload.Boot, _time, NullLogger.Instance);
        await index.PutAsync(Record(1)).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([Record(1)], RowsInDatabase());
        _disk.IsFull = true;
        await Assert.ThrowsAsync<DiskException>(() => index.PutAsync(Record(2)).AsTask());
        _disk.IsFull = false;
    }

    /// <summary>What waits at the end is made, by whomever; what comes later is refused.</summary>
    [Fact]
    public async Task AtTheEnd_AllThatWaitsIsMade()
    {
        LiteDbContainerIndex index = Open();
        await Task.WhenAll(Enumerable.Range(1, 200).Select(i => Task.Run(async () =>
        {
            index.PutLater(Record((ulong)i + 1000));
            await index.PutAsync(Record((ulong)i));
        }))).WaitAsync(Patience, TestContext.Current.CancellationToken);
        await index.DisposeAsync();
        Assert.Equal(400, RowsInDatabase().Count);
        await Assert.ThrowsAsync<DiskException>(() => index.PutAsync(Record(1)).AsTask());
        await using LiteDbContainerIndex again = Open();
        Assert.Equal(400, again.Load().Count);
    }

    private static ContainerRecord Record(ulong id) => IndexWorkload.Record(new ContainerId(id), version: 1);

    private LiteDbContainerIndex Open() => CacheIndexFile.Open(_folder, _disk, IndexWorkload.Boot, _time, NullLogger.Instance);

    /// <summary>As a next process finds it.</summary>
    private LiteDbContainerIndex OpenCopy()
    {
        string copy = Copy();
        return CacheIndexFile.Open(copy, new LinuxDisk(copy), IndexWorkload.Boot, _time, NullLogger.Instance);
    }

    /// <summary>Without the journal.</summary>
    private List<ContainerRecord> RowsInDatabase()
    {
        using var database = ContainerDatabase.Open(new LinuxDisk(Copy()), CacheIndexFile.Name, IndexWorkload.Boot, out List<ContainerRecord> rows);
        return rows;
    }

    private string Copy()
    {
        string copy = Path.Combine(_folder, $"copy-{Guid.NewGuid():N}");
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(_folder))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }
}

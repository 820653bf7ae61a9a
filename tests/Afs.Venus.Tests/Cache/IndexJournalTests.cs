using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>The journal of the index: what is in it is there for the next process, and nothing that is old or damaged.</summary>
public sealed class IndexJournalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("journal-test-").FullName;

    private string Journal => Path.Combine(_folder, "index.journal");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void OfEachContainer_TheLastChange_IsFoundByTheNext()
    {
        using (MappedRecords records = Map())
        {
            IndexJournal journal = Open(records, 0, out _);
            Assert.True(journal.TryRecord(Id(1), Record(1, 1)));
            Assert.True(journal.TryRecord(Id(2), Record(2, 2)));
            Assert.True(journal.TryRecord(Id(1), Record(1, 3)));
            Assert.True(journal.TryRecord(Id(2), null));
        }
        using MappedRecords again = Map();
        IndexJournal next = Open(again, 0, out IReadOnlyList<JournaledChange> left);
        Assert.Equal([new JournaledChange(3, Id(1), Record(1, 3)), new JournaledChange(4, Id(2), null)], left);
        Assert.Equal((4UL, 0), (next.Last, next.TornCount));
    }

    /// <summary>A record whose clearing a loss of power took says nothing that the database doesn't know better.</summary>
    [Fact]
    public void WhatTheDatabaseHas_IsNotFound()
    {
        using (MappedRecords records = Map())
        {
            IndexJournal journal = Open(records, 0, out _);
            journal.TryRecord(Id(1), Record(1, 1));
            journal.TryRecord(Id(2), Record(2, 2));
        }
        using MappedRecords again = Map();
        IndexJournal next = Open(again, 1, out IReadOnlyList<JournaledChange> left);
        Assert.Equal([new JournaledChange(2, Id(2), Record(2, 2))], left);
        next.Written([Id(1), Id(2)], 2);
        Open(again, 0, out left);
        Assert.Empty(left);
    }

    [Fact]
    public void ARecordThatWasDamaged_IsToldOf_AndIsNoChange()
    {
        using (MappedRecords records = Map())
        {
            IndexJournal journal = Open(records, 0, out _);
            for (int i = 1; i <= 3; i++)
                journal.TryRecord(Id(i), Record(i, i));
            for (int at = 0; at < records.Count; at++)
            {
                Span<byte> record = records.At(at);
                if (record[8] == 2)
                    record[40] ^= 1;
            }
        }
        using MappedRecords again = Map();
        IndexJournal next = Open(again, 0, out IReadOnlyList<JournaledChange> left);
        Assert.Equal([Id(1), Id(3)], left.Select(static change => change.Id));
        Assert.Equal(1, next.TornCount);
    }

    /// <summary>Its length is that of what waits at one time, however many changes go through it.</summary>
    [Fact]
    public void PlacesAreUsedAgain()
    {
        using MappedRecords records = Map();
        IndexJournal journal = Open(records, 0, out _);
        int room = records.Count;
        for (int i = 1; i <= 3 * room; i++)
        {
            Assert.True(journal.TryRecord(Id(i % 100 + 1), Record(i % 100 + 1, i)));
            if (i % 10 == 0)
                journal.Written(Enumerable.Range(1, 100).Select(Id), journal.Last);
        }
        Assert.Equal(room, records.Count);
    }

    /// <summary>What has no room, or none at all, is made by the database; what the journal says of the container until then holds.</summary>
    [Fact]
    public void WhereThereIsNoRoom_ItSaysSo_AndKeepsWhatItHas()
    {
        var records = new FewRecords(2);
        var journal = IndexJournal.Open(records, 0, IndexWorkload.Boot, out _);
        Assert.True(journal.TryRecord(Id(1), Record(1, 1)));
        Assert.True(journal.TryRecord(Id(2), Record(2, 2)));
        Assert.False(journal.TryRecord(Id(1), Record(1, 3)));
        IndexJournal.Open(records, 0, IndexWorkload.Boot, out IReadOnlyList<JournaledChange> left);
        Assert.Equal([1UL, 2UL], left.Select(static change => change.Sequence));
        Assert.False(IndexJournal.Open(null, 0, IndexWorkload.Boot, out _).TryRecord(Id(1), Record(1, 1)));
    }

    private static IndexJournal Open(IRecordArray records, ulong written, out IReadOnlyList<JournaledChange> left) =>
        IndexJournal.Open(records, written, IndexWorkload.Boot, out left);

    private static ContainerId Id(int id) => new((ulong)id);

    private static ContainerRecord Record(int id, int version) => IndexWorkload.Record(Id(id), version);

    private MappedRecords Map() => MappedRecords.Open(Journal, IndexJournal.RecordBytes, isNew: false);

    private sealed class FewRecords(int count) : IRecordArray
    {
        private readonly byte[] _memory = GC.AllocateArray<byte>(count * IndexJournal.RecordBytes, pinned: true);

        public int Count => count;

        public Span<byte> At(int index) => index < count
            ? _memory.AsSpan(index * IndexJournal.RecordBytes, IndexJournal.RecordBytes)
            : throw new DiskException(DiskFailure.NoSpace, "No room for more.");
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>A change that the journal has and the database may not.</summary>
/// <param name="Record">Null: the row is to go.</param>
internal readonly record struct JournaledChange(ulong Sequence, ContainerId Id, ContainerRecord? Record);

/// <summary>
/// Changes of the index in memory that outlives the process: a change is made once it is here, with a few stores and no system call, and the database follows. A record is 128 bytes:
/// the change's sequence number (8), which is written last and cleared first; the row (116); CRC32C of all before (4).
///
/// INVARIANTS, under the index's lock:
///  - of each container the record with the highest number counts; there is one, but for a moment two;
///  - sequence numbers only rise. The database says up to which of them it has all changes: what a record with such a number says is old, also where its clearing got lost.
/// After a loss of power any of its pages may be of any time before: each record that checks is a change that was made, and what is missing is as if the process had ended before it.
/// </summary>
internal sealed class IndexJournal
{
    public const int RecordBytes = 128;

    private const int RowAt = 8, SumAt = RowAt + ContainerRowCodec.RowBytes;

    private readonly IRecordArray? _records;
    private readonly Dictionary<ContainerId, (int Place, ulong Sequence)> _places = [];

    /// <summary>Places below <see cref="_used"/> that hold nothing.</summary>
    private readonly Stack<int> _free = new();
    private int _used;

    private IndexJournal(IRecordArray? records, ulong last) => (_records, Last) = (records, last);

    /// <summary>The number of the last change.</summary>
    public ulong Last { get; private set; }

    /// <summary>Records that don't check. A process that ends leaves none.</summary>
    public int TornCount { get; private set; }

    /// <summary>Reads what a process before this one left.</summary>
    /// <param name="records">Null: there is no room for one, and the journal takes nothing.</param>
    /// <param name="written">The database has all changes up to this number.</param>
    /// <param name="left">The changes that it may not have, in their order.</param>
    public static IndexJournal Open(IRecordArray? records, ulong written, string knownBoot, out IReadOnlyList<JournaledChange> left)
    {
        var journal = new IndexJournal(records, written);
        var found = new List<(JournaledChange Change, int Place)>();
        for (int place = 0; place < (records?.Count ?? 0); place++)
        {
            Span<byte> record = records!.At(place);
            ulong sequence = BinaryPrimitives.ReadUInt64LittleEndian(record);
            if (sequence == 0)
                continue;
            bool isWhole = BinaryPrimitives.ReadUInt32LittleEndian(record[SumAt..]) == Crc32C.Of(record[..SumAt])
                & ContainerRowCodec.TryRead(record[RowAt..SumAt], knownBoot, out ContainerId id, out ContainerRecord? row);
            if (isWhole && sequence > written)
                found.Add((new JournaledChange(sequence, id, row), place));
            else
                Clear(record);
            if (!isWhole)
                journal.TornCount++;
        }
        found.Sort(static (a, b) => a.Change.Sequence.CompareTo(b.Change.Sequence));
        journal.Adopt(found);
        left = [.. found.Select(static f => f.Change)];
        return journal;
    }

    /// <summary>The change is made: it is there after the end of this process. False: there is no room, and it is made when the database has it.</summary>
    public bool TryRecord(ContainerId id, ContainerRecord? record)
    {
        ulong sequence = ++Last;
        if (_records is null || record is not null && !ContainerRowCodec.Fits(record) || !TryTakePlace(out int place, out Span<byte> memory))
            return false; // What it says of the container so far holds until the database has this.
        Span<byte> whole = stackalloc byte[RecordBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(whole, sequence);
        if (record is null)
            ContainerRowCodec.WriteDeleted(id, whole[RowAt..]);
        else
            ContainerRowCodec.Write(record, whole[RowAt..]);
        BinaryPrimitives.WriteUInt32LittleEndian(whole[SumAt..], Crc32C.Of(whole[..SumAt]));
        whole[RowAt..].CopyTo(memory[RowAt..]);
        Publish(memory, sequence);
        Release(id, sequence);
        _places[id] = (place, sequence);
        return true;
    }

    /// <summary>The database has all changes of these containers up to this number.</summary>
    public void Written(IEnumerable<ContainerId> ids, ulong upTo)
    {
        foreach (ContainerId id in ids)
            Release(id, upTo);
    }

    private void Adopt(List<(JournaledChange Change, int Place)> found)
    {
        var taken = new HashSet<int>();
        foreach ((JournaledChange change, int place) in found)
        {
            Release(change.Id, change.Sequence);
            _places[change.Id] = (place, change.Sequence);
            Last = Math.Max(Last, change.Sequence);
        }
        foreach ((int place, _) in _places.Values)
            taken.Add(place);
        _free.Clear();
        _used = taken.Count == 0 ? 0 : taken.Max() + 1;
        for (int place = _used - 1; place >= 0; place--)
        {
            if (!taken.Contains(place))
                _free.Push(place);
        }
    }

    private void Release(ContainerId id, ulong upTo)
    {
        if (!_places.TryGetValue(id, out (int Place, ulong Sequence) known) || known.Sequence > upTo)
            return;
        Clear(_records!.At(known.Place));
        _places.Remove(id);
        _free.Push(known.Place);
    }

    /// <summary>The lowest that was used last: few pages are touched.</summary>
    private bool TryTakePlace(out int place, out Span<byte> memory)
    {
        memory = default;
        if (_free.TryPop(out place))
        {
            memory = _records!.At(place);
            return true;
        }
        try
        {
            memory = _records!.At(_used);
        }
        catch (DiskException)
        {
            return false; // The disk is full: who needs the change waits for the database, which says so.
        }
        place = _used++;
        return true;
    }

    private static void Publish(Span<byte> record, ulong sequence) =>
        Volatile.Write(ref MemoryMarshal.AsRef<ulong>(record), sequence);

    private static void Clear(Span<byte> record) => Publish(record, 0);
}

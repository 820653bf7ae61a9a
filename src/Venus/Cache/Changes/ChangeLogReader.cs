using System.Globalization;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What a segment's file is called: <c>changes-ID-N.log</c>, the volume's id and the segment's number, eight hexadecimal digits each. One that is being made ends with <c>.new</c>.</summary>
internal static class ChangeSegmentName
{
    public const string Unfinished = ".new";

    private const string End = ".log";

    public static string Of(VolumeId volume, uint segment) => $"{Start(volume)}{segment.ToString("x8", CultureInfo.InvariantCulture)}{End}";

    public static bool TryParse(string name, VolumeId volume, out uint segment)
    {
        segment = 0;
        return name.StartsWith(Start(volume), StringComparison.Ordinal) && name.EndsWith(End, StringComparison.Ordinal)
            && uint.TryParse(name.AsSpan()[Start(volume).Length..^End.Length], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out segment)
            && Of(volume, segment) == name;
    }

    public static bool IsUnfinished(string name, VolumeId volume) => name.EndsWith(Unfinished, StringComparison.Ordinal) && TryParse(name[..^Unfinished.Length], volume, out _);

    private static string Start(VolumeId volume) => $"changes-{VolumeIdentity.Digits(volume)}-";
}

/// <summary>A change as it stands in the log.</summary>
internal readonly record struct ReadChange(ChangeNumber Number, DateTimeOffset LoggedAt, Change Change);

/// <summary>A segment that stays in use.</summary>
/// <param name="KeptUntil">Its file may go when all through this change is settled.</param>
internal readonly record struct KeptSegment(uint Number, ChangeNumber KeptUntil);

/// <summary>What an earlier daemon left: the changes that the server may not have, in order, and what is known of their batches.</summary>
internal sealed class FoundChanges
{
    public List<ReadChange> Changes { get; } = [];

    public List<BatchNote> Notes { get; } = [];

    public HashSet<ChangeNumber> Withdrawn { get; } = [];

    public List<KeptSegment> Segments { get; } = [];

    public ChangeNumber Last { get; set; }

    public ChangeNumber Settled { get; set; }

    public BatchNumber LastBatch { get; set; }

    public BatchNumber SettledBatch { get; set; }

    /// <summary>The checksum of the last record, from which the next goes on.</summary>
    public uint Chain { get; set; }

    public uint NextSegment { get; set; } = 1;

    /// <summary>Bytes that followed nothing, and are cut away.</summary>
    public long CutBytes { get; set; }
}

/// <summary>
/// Reads the change log of a volume as a crash left it, and takes away what isn't part of it.
///
/// Segments that follow each other, by the chain of their checksums and by the numbers of their changes, are a run. Runs end at the first record that is torn, does not check or does
/// not follow. The log is the latest run of which all that was before it is settled; what comes behind is cut away, what comes before is needed by nobody. So neither the order in which
/// the files of old segments went, nor a log that was written once more after its disk had failed, can make a hole.
/// </summary>
internal sealed class ChangeLogReader(IDisk disk, VolumeId volume, ClientId client)
{
    /// <summary>A log never has more: see <see cref="ChangeLog.MostChanges"/>. Those are its unsettled ones; of the settled, one segment's.</summary>
    private const int MostChangesRead = 4 * ChangeLog.MostChanges;

    private readonly byte[] _record = new byte[ChangeRecords.MostRecordBytes];

    /// <summary>Afterwards the files are those that it names, to their last record, also after a loss of power. Whether these are on stable storage nobody knows.</summary>
    /// <exception cref="DiskException">The disk failed, or the log is of a later program or of somebody else: then it is as it was.</exception>
    public FoundChanges Read()
    {
        string[] names = [.. disk.List(".")];
        uint[] numbers = [.. names.Select(name => ChangeSegmentName.TryParse(name, volume, out uint number) ? number : (uint?)null).OfType<uint>().Order()];
        List<Run> runs = ReadRuns(numbers);
        Run? chosen = runs.LastOrDefault(static run => run.IsWhole);
        FoundChanges found = chosen?.Found ?? NothingAfter(runs);
        // A number that was given to a batch isn't given again, whatever was damaged: the server would take the new one for the old.
        found.LastBatch = new BatchNumber(runs.Select(static run => run.Found.LastBatch.Value).Append(found.LastBatch.Value).Max());
        if (numbers.Length > 0)
            found.NextSegment = numbers[^1] < uint.MaxValue ? numbers[^1] + 1 : throw new DiskException(DiskFailure.Failed, $"{ChangeSegmentName.Of(volume, numbers[^1])}: there is no number for a next segment.");
        Clean(names, numbers, runs, chosen, found);
        found.Changes.RemoveAll(change => change.Number <= found.Settled);
        found.Withdrawn.RemoveWhere(number => number <= found.Settled);
        return found;
    }

    private static FoundChanges NothingAfter(List<Run> runs)
    {
        var last = new ChangeNumber(runs.Select(static run => run.Found.Last.Value).DefaultIfEmpty().Max());
        return new FoundChanges { Last = last, Settled = last };
    }

    private List<Run> ReadRuns(uint[] numbers)
    {
        List<Run> runs = [];
        Span<byte> bytes = stackalloc byte[ChangeSegmentHeader.Bytes];
        foreach (uint number in numbers)
        {
            using IDiskFile file = disk.Open(ChangeSegmentName.Of(volume, number), DiskOpenMode.Read);
            ChangeSegmentHeader? header = ChangeSegmentHeader.Read(bytes[..file.Read(0, bytes)], ChangeSegmentName.Of(volume, number), volume, client, out uint chain);
            if (header is null || header.Segment != number)
                continue; // Of no run: its file goes.
            if (runs.Count == 0 || !runs[^1].TryFollow(header))
                runs.Add(new Run(header));
            ReadSegment(file, number, chain, runs[^1]);
        }
        return runs;
    }

    private void ReadSegment(IDiskFile file, uint number, uint chain, Run run)
    {
        long at = ChangeSegmentHeader.Bytes, end = file.LengthBytes;
        ChangeNumber keptUntil = ChangeNumber.None;
        while (TryReadRecord(file, at, end, out int length))
        {
            ReadOnlySpan<byte> record = _record.AsSpan(0, length);
            uint next = chain;
            if (!ChangeRecords.TryCheck(record, ref next) || !run.TryAdd(record, ref keptUntil))
                break;
            chain = next;
            at += length;
            if (run.Found.Changes.Count > MostChangesRead)
                throw new DiskException(DiskFailure.Failed, $"{ChangeSegmentName.Of(volume, number)}: more changes than any change log holds. It is left alone.");
        }
        // A segment without records changes nothing of what follows: it may be what a full disk left of one.
        if (at > ChangeSegmentHeader.Bytes)
            run.Found.Chain = chain;
        run.Found.Segments.Add(new KeptSegment(number, keptUntil));
        run.Ends.Add(at);
    }

    private bool TryReadRecord(IDiskFile file, long at, long end, out int length)
    {
        length = 0;
        if (end - at < ChangeRecords.LeastRecordBytes || file.Read(at, _record.AsSpan(0, ChangeRecords.PrefixBytes)) < ChangeRecords.PrefixBytes)
            return false;
        length = ChangeRecords.LengthIn(_record);
        return length is >= ChangeRecords.LeastRecordBytes and <= ChangeRecords.MostRecordBytes && length <= end - at && file.Read(at, _record.AsSpan(0, length)) == length;
    }

    /// <summary>Later ones first: what follows nothing must not be there when something else is written that it could follow.</summary>
    private void Clean(string[] names, uint[] numbers, List<Run> runs, Run? chosen, FoundChanges found)
    {
        bool hasChanged = false;
        foreach (string name in names.Where(name => ChangeSegmentName.IsUnfinished(name, volume)))
            hasChanged |= disk.Delete(name);
        HashSet<uint> kept = [.. chosen?.Found.Segments.Select(static segment => segment.Number) ?? []];
        HashSet<uint> before = [.. runs.TakeWhile(run => run != chosen).SelectMany(static run => run.Found.Segments).Select(static segment => segment.Number)];
        foreach (uint number in numbers.Reverse().Where(number => !kept.Contains(number)))
        {
            string name = ChangeSegmentName.Of(volume, number);
            if (chosen is null || !before.Contains(number))
                found.CutBytes += LengthOf(name);
            hasChanged |= disk.Delete(name);
        }
        for (int i = 0; i < kept.Count; i++)
            hasChanged |= Cut(ChangeSegmentName.Of(volume, found.Segments[i].Number), chosen!.Ends[i], found);
        if (hasChanged)
            disk.SyncDirectory(".");
    }

    private bool Cut(string name, long end, FoundChanges found)
    {
        using IDiskFile file = disk.Open(name, DiskOpenMode.ReadWrite);
        if (file.LengthBytes <= end)
            return false;
        found.CutBytes += file.LengthBytes - end;
        file.SetLength(end);
        file.Sync();
        return true;
    }

    private long LengthOf(string name)
    {
        using IDiskFile file = disk.Open(name, DiskOpenMode.Read);
        return file.LengthBytes;
    }

    /// <summary>Segments that follow each other.</summary>
    private sealed class Run(ChangeSegmentHeader first)
    {
        private ChangeNumber _notedThrough;

        public FoundChanges Found { get; } = new()
        {
            Last = new ChangeNumber(first.First.Value - 1),
            Settled = first.Settled,
            LastBatch = first.LastBatch,
            SettledBatch = first.SettledBatch,
            Chain = first.Chain,
        };

        /// <summary>Where each of its segments ends.</summary>
        public List<long> Ends { get; } = [];

        /// <summary>All that was logged before it is settled.</summary>
        public bool IsWhole => Found.Settled.Value >= first.First.Value - 1;

        public bool TryFollow(ChangeSegmentHeader header)
        {
            bool follows = header.Chain == Found.Chain && header.First == Found.Last.Next && header.LastBatch.Value >= Found.LastBatch.Value;
            if (follows)
                Found.LastBatch = header.LastBatch;
            return follows;
        }

        /// <summary>False: it doesn't follow.</summary>
        public bool TryAdd(ReadOnlySpan<byte> record, ref ChangeNumber keptUntil)
        {
            ChangeNumber through;
            switch (ChangeRecords.TypeOf(record))
            {
                case ChangeRecordType.Change when ChangeRecords.TryRead(record, out ChangeNumber number, out DateTimeOffset loggedAt, out Change? change) && number == Found.Last.Next:
                    Found.Changes.Add(new ReadChange(number, loggedAt, change!));
                    Found.Last = through = number;
                    break;
                case ChangeRecordType.Batch when ChangeRecords.TryRead(record, out BatchNote? note) && note!.Number.Value > Found.LastBatch.Value && note.First > _notedThrough && note.Last <= Found.Last:
                    Found.Notes.Add(note);
                    Found.LastBatch = note.Number;
                    _notedThrough = through = note.Last;
                    break;
                case ChangeRecordType.Settled when ChangeRecords.TryReadSettled(record, out through, out BatchNumber batch)
                    && through >= Found.Settled && through <= Found.Last && batch.Value >= Found.SettledBatch.Value && batch.Value <= Found.LastBatch.Value:
                    Found.Notes.RemoveAll(note => note.Last <= through);
                    if (Found.Notes.Count > 0 && Found.Notes[0].First <= through)
                        return false; // A batch is settled as a whole.
                    (Found.Settled, Found.SettledBatch) = (through, batch);
                    break;
                case ChangeRecordType.Withdrawn when ChangeRecords.TryReadWithdrawn(record, out ChangeNumber[] numbers) && numbers.All(number => number <= Found.Last):
                    Found.Withdrawn.UnionWith(numbers);
                    through = numbers.Length == 0 ? default : numbers.Max();
                    break;
                default:
                    return false;
            }
            keptUntil = keptUntil > through ? keptUntil : through;
            return true;
        }
    }
}

using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>How a change log uses its disk.</summary>
internal sealed record ChangeLogOptions
{
    /// <summary>What was appended is on stable storage at most so long after, where the disk does it, also when nobody waits.</summary>
    public TimeSpan SyncInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A segment is ended by the first record that would make it longer.</summary>
    public int SegmentBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Changes that the server doesn't have.</summary>
    public int MostChanges { get; init; } = ChangeLog.MostChanges;

    /// <summary>Their records.</summary>
    public long MostRecordsBytes { get; init; } = 256L * 1024 * 1024;
}

/// <summary>
/// What this client changed in a volume and the server may not have yet, in order: in memory, and in segments in the cache folder. An append is one write and waits for no disk; who needs
/// stable storage waits for a sync, one for all who wait.
///
/// INVARIANTS
///  - The order of numbers is the order in the file. What a reader finds after any crash is a first part of what was appended, with all that a sync was acknowledged for.
///  - A batch is sent only after its note is on stable storage: so after any crash it is sent again with the same number and the same content, or the server has it already.
///  - A segment goes only after a record that settles all that it has is on stable storage elsewhere.
///  - What a failed sync was for is never taken for written: the kernel may take its pages for clean. All that waits is written once more, from memory, to a new segment. So is what an
///    earlier daemon left, of which nobody knows.
/// Safe for concurrent use. Under the lock are single writes; syncs are made by one background round at a time.
/// </summary>
internal sealed partial class ChangeLog : IAsyncDisposable
{
    /// <summary>In any log; options may say less.</summary>
    public const int MostChanges = 1 << 17;

    private readonly Lock _lock = new();
    private readonly IDisk _disk;
    private readonly VolumeId _volume;
    private readonly ClientId _client;
    private readonly TimeProvider _time;
    private readonly IBlockingWork _work;
    private readonly ChangeLogOptions _options;
    private readonly ILogger _log;
    private readonly ITimer _timer;

    // Of what waits. Numbers are without gaps: the place of a change in the list is its number, less that of the first.
    private readonly List<LoggedChange> _waiting = [];
    private readonly List<BatchNote> _notes;
    private readonly HashSet<ChangeNumber> _withdrawn;
    private int _gone; // Of the list's first ones, those that are settled.
    private long _waitingRecordsBytes, _waitingBytes, _totalBytes;
    private BatchNumber _lastBatch, _settledBatch;

    // Of the files.
    private readonly List<Segment> _segments = []; // The last is written to.
    private byte[] _buffer = new byte[4096];
    private List<byte[]>? _rewriteTail; // Not null: records are kept for the segment that is being made.
    private ulong _syncedSettled; // As in a record that is on stable storage.
    private uint _nextSegment, _chain;
    private long _written, _synced; // Records, counted since it was opened.
    private bool _isSuspect;
    private bool _isClosed;

    // Of the syncs.
    private SyncRound? _running, _next;
    private bool _isTimerSet;

    private ChangeLog(IDisk disk, VolumeId volume, ClientId client, TimeProvider time, IBlockingWork work, ChangeLogOptions options, ILogger log, FoundChanges found)
    {
        (_disk, _volume, _client, _time, _work, _options, _log) = (disk, volume, client, time, work, options, log);
        (Last, Settled, _lastBatch, _settledBatch, _chain, _nextSegment, CutBytes) =
            (found.Last, found.Settled, found.LastBatch, found.SettledBatch, found.Chain, found.NextSegment, found.CutBytes);
        (_notes, _withdrawn, _syncedSettled) = (found.Notes, found.Withdrawn, found.Settled.Value);
        _segments.AddRange(found.Segments.Select(segment => new Segment(ChangeSegmentName.Of(volume, segment.Number), null) { KeptUntil = segment.KeptUntil }));
        _timer = time.CreateTimer(_ => SyncInTheBackground(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (found.Changes.Count == 0)
            return;
        // A sync of what is read here would say nothing: the daemon before may have been told that one failed, and the kernel tells that once.
        (_isSuspect, _written) = (true, 1);
        foreach (ReadChange change in found.Changes)
            Hold(change.Number, change.Change, change.LoggedAt);
        _isTimerSet = _timer.Change(options.SyncInterval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The last that was logged.</summary>
    public ChangeNumber Last { get; private set; }

    /// <summary>All through this one is at the server, or was refused and handed on.</summary>
    public ChangeNumber Settled { get; private set; }

    /// <summary>Bytes that were found when it was opened and followed nothing: cut away.</summary>
    public long CutBytes { get; }

    /// <summary>Changes that aren't settled.</summary>
    public int WaitingChanges
    {
        get
        {
            lock (_lock)
                return _waiting.Count - _gone;
        }
    }

    /// <summary>Their <see cref="Change.WaitingBytes"/>.</summary>
    public long WaitingBytes
    {
        get
        {
            lock (_lock)
                return _waitingBytes;
        }
    }

    /// <summary>Why the last sync failed; null after one that didn't.</summary>
    public DiskException? SyncFailure { get; private set; }

    /// <summary><see cref="Change.WaitingBytes"/> of all that it held since it was opened; see <see cref="LoggedChange.TotalBytes"/>.</summary>
    public long TotalBytes
    {
        get
        {
            lock (_lock)
                return _totalBytes;
        }
    }

    /// <summary>A daemon, maybe an earlier one, has a log of this volume.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static bool IsThere(IDisk disk, VolumeId volume) => disk.List(".").Any(name => ChangeSegmentName.TryParse(name, volume, out _));

    /// <summary>Opens what an earlier daemon left, or begins a new one. What was found is on stable storage after the next sync.</summary>
    /// <param name="client">Whose cache folder it is.</param>
    /// <exception cref="DiskException">The disk failed, or the log is of a later program or of another client: then it is left alone, and nobody may change the volume before it is seen to.</exception>
    public static ChangeLog Open(IDisk disk, VolumeId volume, ClientId client, TimeProvider time, IBlockingWork work, ChangeLogOptions options, ILogger log)
    {
        FoundChanges found = new ChangeLogReader(disk, volume, client).Read();
        var opened = new ChangeLog(disk, volume, client, time, work, options, log, found);
        if (found.CutBytes > 0)
            opened.LogCut(volume, found.CutBytes, found.Last);
        return opened;
    }

    /// <summary>Puts a change into the log: after this, a crash of the daemon doesn't lose it. Waits for no disk.</summary>
    /// <exception cref="DiskException">No room, in the log or on its disk, or the disk failed. The change is not in the log, and the log is as before.</exception>
    public ChangeNumber Append(Change change)
    {
        if (!ChangeRecords.Fits(change))
            throw new ArgumentException($"A {change.Kind} with {change.Request.Length} bytes of request is none that can be logged.", nameof(change));
        int lengthBytes = ChangeRecords.LengthOf(change);
        lock (_lock)
        {
            if (_waiting.Count - _gone >= _options.MostChanges || _waitingRecordsBytes + lengthBytes > _options.MostRecordsBytes)
                throw new DiskException(DiskFailure.NoSpace, $"The change log of volume {_volume} is full: {_waiting.Count - _gone} changes wait for the server.");
            ChangeNumber number = Last.Next;
            DateTimeOffset now = _time.GetUtcNow();
            Segment segment = SegmentFor(lengthBytes);
            uint chain = _chain;
            Span<byte> record = Buffer(lengthBytes);
            ChangeRecords.Write(record, ref chain, number, now, change);
            Put(segment, record, chain, number);
            Last = number;
            Hold(number, change, now);
            return number;
        }
    }

    /// <summary>Waits until all through this change is on stable storage here. One sync serves all who wait.</summary>
    /// <exception cref="DiskException">The disk failed. It stays in the log, and is written once more by the next sync.</exception>
    public Task SyncAsync(ChangeNumber through)
    {
        lock (_lock)
            return through <= Settled ? Task.CompletedTask : SyncRecordsAsync(through >= Last ? _written : At(through).RecordNumber);
    }

    /// <summary>Waits until all that was written into the log by now, notes of batches too, is on stable storage.</summary>
    /// <inheritdoc cref="SyncAsync(ChangeNumber)"/>
    public Task SyncAsync()
    {
        lock (_lock)
            return SyncRecordsAsync(_written);
    }

    /// <summary>Adds the waiting changes from this one on, in order, at most so many. What is settled meanwhile may be missing at the beginning.</summary>
    public void Read(ChangeNumber from, int most, List<LoggedChange> changes)
    {
        lock (_lock)
        {
            for (ChangeNumber number = from > Settled ? from : Settled.Next; number <= Last && most > 0; number = number.Next, most--)
                changes.Add(At(number));
        }
    }

    /// <summary>One that waits; null: it is settled, or not logged.</summary>
    public LoggedChange? Find(ChangeNumber number)
    {
        lock (_lock)
            return number > Settled && number <= Last ? At(number) : null;
    }

    /// <summary>All that is said to have been sent, or to be about to, and isn't settled: in order.</summary>
    public BatchNote[] UnsettledBatches()
    {
        lock (_lock)
            return [.. _notes];
    }

    public bool IsWithdrawn(ChangeNumber number)
    {
        lock (_lock)
            return _withdrawn.Contains(number);
    }

    /// <summary>
    /// Says that a batch is about to be sent; it may be when a sync of all that is written has succeeded. Its changes follow those of the batch before.
    /// </summary>
    /// <param name="fates">Of the first change and of those that follow it, a <see cref="ChangeFate"/> each.</param>
    /// <param name="needs">In the order of their places.</param>
    /// <exception cref="DiskException">As for an append.</exception>
    public BatchNote NoteBatch(ChangeNumber first, ushort[] fates, EarlierNeed[] needs)
    {
        lock (_lock)
        {
            var note = new BatchNote(_lastBatch.Next, first, fates, needs);
            if (first <= Settled || first <= (_notes.Count == 0 ? Settled : _notes[^1].Last) || note.Last > Last)
                throw new ArgumentException($"A batch of changes {first} to {note.Last} doesn't follow.", nameof(first));
            int lengthBytes = ChangeRecords.LengthOf(note);
            Segment segment = SegmentFor(lengthBytes);
            uint chain = _chain;
            Span<byte> record = Buffer(lengthBytes);
            ChangeRecords.Write(record, ref chain, note);
            Put(segment, record, chain, note.Last);
            _lastBatch = note.Number;
            _notes.Add(note);
            return note;
        }
    }

    /// <summary>No batch gets this number or one before: the server knows of them.</summary>
    public void StartBatchesAfter(BatchNumber known)
    {
        lock (_lock)
            _lastBatch = _lastBatch.Value < known.Value ? known : _lastBatch;
    }

    /// <summary>These are never sent: they depend on one that was refused, and were handed on.</summary>
    /// <exception cref="DiskException">As for an append.</exception>
    public void Withdraw(IReadOnlyCollection<ChangeNumber> numbers)
    {
        lock (_lock)
        {
            foreach (ChangeNumber[] some in numbers.Chunk(ChangeRecords.MostWithdrawnOfRecord))
            {
                int lengthBytes = ChangeRecords.LengthOfWithdrawn(some.Length);
                Segment segment = SegmentFor(lengthBytes);
                uint chain = _chain;
                Span<byte> record = Buffer(lengthBytes);
                ChangeRecords.WriteWithdrawn(record, ref chain, some);
                Put(segment, record, chain, some.Max());
                _withdrawn.UnionWith(some);
            }
        }
    }

    /// <summary>
    /// All through this change need not be sent any more. It isn't waited for: where a crash takes this word along, batches are sent again that the server
    /// has, and the server says so.
    /// </summary>
    /// <exception cref="DiskException">As for an append.</exception>
    public void Settle(ChangeNumber through)
    {
        lock (_lock)
        {
            if (through <= Settled)
                return;
            if (through > Last)
                throw new ArgumentOutOfRangeException(nameof(through));
            int settledNotes = _notes.TakeWhile(note => note.Last <= through).Count();
            BatchNumber batch = settledNotes == 0 ? _settledBatch : _notes[settledNotes - 1].Number;
            Segment segment = SegmentFor(ChangeRecords.LengthOfSettled);
            uint chain = _chain;
            Span<byte> record = Buffer(ChangeRecords.LengthOfSettled);
            ChangeRecords.WriteSettled(record, ref chain, through, batch);
            Put(segment, record, chain, through);
            _notes.RemoveRange(0, settledNotes);
            _settledBatch = batch;
            Forget(through);
            _withdrawn.RemoveWhere(number => number <= through);
        }
    }

    /// <summary>Syncs what is written, and closes the files. Nothing is logged after that.</summary>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        Task last;
        lock (_lock)
        {
            _isClosed = true;
            last = SyncRecordsAsync(_written);
        }
        try
        {
            await last;
        }
        catch (DiskException e)
        {
            LogSyncFailed(_volume, e.Message);
        }
        lock (_lock)
        {
            foreach (Segment segment in _segments)
                segment.File?.Dispose();
        }
    }

    private LoggedChange At(ChangeNumber number) => _waiting[_gone + (int)(number.Value - Settled.Value - 1)];

    private void Hold(ChangeNumber number, Change change, DateTimeOffset loggedAt)
    {
        _totalBytes += change.WaitingBytes;
        _waitingBytes += change.WaitingBytes;
        _waitingRecordsBytes += ChangeRecords.LengthOf(change);
        _waiting.Add(new LoggedChange(number, change, loggedAt, _time.GetTimestamp(), _totalBytes, _written));
    }

    private void Forget(ChangeNumber through)
    {
        for (; Settled < through; Settled = Settled.Next)
        {
            _waitingRecordsBytes -= ChangeRecords.LengthOf(_waiting[_gone].Change);
            _waitingBytes -= _waiting[_gone].Change.WaitingBytes;
            _waiting[_gone++] = default;
        }
        if (_gone <= _waiting.Count / 2)
            return;
        _waiting.RemoveRange(0, _gone);
        _gone = 0;
    }

    private Span<byte> Buffer(int lengthBytes)
    {
        if (_buffer.Length < lengthBytes)
            _buffer = new byte[Math.Max(lengthBytes, 2 * _buffer.Length)];
        return _buffer.AsSpan(0, lengthBytes);
    }

    /// <summary>The segment that the next record goes to; a new one where the last is full, or of an earlier life.</summary>
    private Segment SegmentFor(int lengthBytes)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        if (_segments.Count > 0 && _segments[^1] is { File: not null } last && (last.EndsAt + lengthBytes <= _options.SegmentBytes || last.EndsAt == ChangeSegmentHeader.Bytes))
            return last;
        var header = new ChangeSegmentHeader(_volume, _client, _nextSegment, _chain, Last.Next, Settled, _settledBatch, _lastBatch);
        Segment made = Make(ChangeSegmentName.Of(_volume, _nextSegment++), header, out uint chain);
        _segments.Add(made);
        _chain = chain;
        return made;
    }

    private Segment Make(string name, ChangeSegmentHeader header, out uint chain)
    {
        IDiskFile file = _disk.Open(name, DiskOpenMode.CreateNew);
        try
        {
            Span<byte> bytes = stackalloc byte[ChangeSegmentHeader.Bytes];
            chain = header.Write(bytes);
            file.Write(0, bytes);
            return new Segment(name, file) { EndsAt = ChangeSegmentHeader.Bytes };
        }
        catch (DiskException)
        {
            // Where it stays, it is a segment without records, which says nothing.
            file.Dispose();
            _disk.Delete(name);
            throw;
        }
    }

    /// <summary>One write. Where it fails, what it left is cut away; else the next one overwrites it, and what is left then follows nothing.</summary>
    private void Put(Segment segment, ReadOnlySpan<byte> record, uint chain, ChangeNumber keptUntil)
    {
        try
        {
            segment.File!.Write(segment.EndsAt, record);
        }
        catch (DiskException)
        {
            segment.File!.SetLength(segment.EndsAt);
            throw;
        }
        segment.EndsAt += record.Length;
        segment.KeptUntil = segment.KeptUntil > keptUntil ? segment.KeptUntil : keptUntil;
        segment.IsSynced = false;
        _chain = chain;
        _written++;
        _rewriteTail?.Add(record.ToArray());
        if (!_isTimerSet && _running is null)
            _isTimerSet = _timer.Change(_options.SyncInterval, Timeout.InfiniteTimeSpan);
    }

    private sealed class Segment(string name, IDiskFile? file)
    {
        public string Name => name;

        /// <summary>Null: of an earlier life.</summary>
        public IDiskFile? File => file;

        public long EndsAt { get; set; }

        public ChangeNumber KeptUntil { get; set; }

        /// <summary>The directory has its name on stable storage.</summary>
        public bool IsNamed { get; set; } = file is null;

        public bool IsSynced { get; set; } = file is null;
    }

    [LoggerMessage(EventId = 400, Level = LogLevel.Error, Message = "The change log of volume {Volume} was cut: {Bytes} bytes followed nothing, as after a loss of power or a damage of the disk. It goes to change {Last}")]
    private partial void LogCut(VolumeId volume, long bytes, ChangeNumber last);

    [LoggerMessage(EventId = 401, Level = LogLevel.Error, Message = "The change log of volume {Volume} can't be put on stable storage: {Reason}")]
    private partial void LogSyncFailed(VolumeId volume, string reason);

    [LoggerMessage(EventId = 402, Level = LogLevel.Warning, Message = "The change log of volume {Volume} was written once more, to a new file, after its disk had failed")]
    private partial void LogRewritten(VolumeId volume);
}

using System.Buffers.Binary;
using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using LiteDB;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The index in LiteDB (<see cref="ContainerDatabase"/>), with a journal in mapped memory before it (<see cref="IndexJournal"/>). A change is made once the journal has it: with some stores, so no open for
/// writing waits for a database, and it survives the end of this process. The rows follow after <see cref="Delay"/>, a batch at a time, by a thread of their own. What must outlast a
/// loss of power waits until the database's log is on the disk; what the journal has no room for waits until the database has it.
/// What the disk refuses is tried again, later and later (<see cref="IndexChanges"/>); meanwhile <see cref="Trouble"/> says so.
///
/// INVARIANTS:
///  - the database is used by one thread, and a batch is all that isn't in it: so the journal's changes up to the last before the batch are in the database after it;
///  - under the lock nothing waits for a disk, but for the journal's room: a MiB at a time, before it is needed.
/// </summary>
internal sealed partial class LiteDbContainerIndex : IContainerIndex
{
    /// <summary>How long a change waits for others that nobody waits for either.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a change that could not be written waits for the next attempt: at first, and in the end.</summary>
    public static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1), LongestRetry = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly ContainerDatabase _database;
    private readonly MappedRecords? _records;
    private readonly IndexJournal _journal;
    private readonly BlockingPool _thread = new(1, "index");
    private readonly ITimer _timer;
    private readonly ILogger _log;
    private readonly IndexChanges _changes = new();
    private IReadOnlyList<ContainerRecord>? _loaded;
    private TimeSpan _retryDelay = FirstRetry;
    private string? _trouble;
    private bool _isCommitting;
    private bool _isTimed;
    private bool _isClosed;

    private LiteDbContainerIndex(ContainerDatabase database, List<ContainerRecord> rows, MappedRecords? records, string bootId, TimeProvider time, ILogger log)
    {
        (_database, _records, _log) = (database, records, log);
        _timer = time.CreateTimer(static index => ((LiteDbContainerIndex)index!).CommitTimed(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _journal = IndexJournal.Open(records, database.Written, bootId, out IReadOnlyList<JournaledChange> left);
        _loaded = left.Count == 0 ? rows : WithChanges(rows, left);
        lock (_lock)
        {
            // Which of them had to outlast a loss of power the journal doesn't say: so all.
            foreach (JournaledChange change in left)
                _changes.Add(change.Id, change.Record, outlastsPowerLoss: true);
            if (left.Count > 0)
                SetTimer(Delay);
        }
        if (_journal.TornCount > 0)
            LogTorn(_journal.TornCount);
    }

    /// <summary>The journal had something that nobody wrote: whatever its changes were, all that is cached is to be checked.</summary>
    public bool WasJournalTorn => _journal.TornCount > 0;

    public int UnwrittenCount
    {
        get
        {
            lock (_lock)
                return _changes.UnwrittenCount;
        }
    }

    public string? Trouble => Volatile.Read(ref _trouble);

    /// <summary>Opens a database that was made.</summary>
    /// <param name="records">The journal's, of <see cref="IndexJournal.RecordBytes"/>; belongs to the index. Null: there is no room for one.</param>
    /// <exception cref="DiskException">It can't be opened; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format. It is as it was.</exception>
    public static LiteDbContainerIndex Open(IDisk disk, string name, MappedRecords? records, string bootId, TimeProvider time, ILogger log)
    {
        try
        {
            var database = ContainerDatabase.Open(disk, name, bootId, out List<ContainerRecord> rows);
            return new LiteDbContainerIndex(database, rows, records, bootId, time, log);
        }
        catch (DiskException)
        {
            records?.Dispose();
            throw;
        }
    }

    public IReadOnlyList<ContainerRecord> Load() => Interlocked.Exchange(ref _loaded, null) ?? throw new InvalidOperationException("The index is loaded once.");

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss = false)
    {
        lock (_lock)
        {
            if (_isClosed)
                return ValueTask.FromException(new DiskException(DiskFailure.Failed, "The index is closed."));
            bool isMade = Add(record.Id, record, outlastsPowerLoss);
            if (isMade && !outlastsPowerLoss)
                return ValueTask.CompletedTask;
            var made = new ValueTask(_changes.WhenMade(record.Id));
            Begin();
            return made;
        }
    }

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss = false)
    {
        lock (_lock)
            Add(record.Id, record, outlastsPowerLoss);
    }

    public void DeleteLater(ContainerId id)
    {
        lock (_lock)
            Add(id, null, outlastsPowerLoss: false);
    }

    public async ValueTask FlushAsync()
    {
        Task made;
        lock (_lock)
        {
            made = _changes.WhenAllMade();
            Begin();
        }
        await made;
    }

    public async ValueTask DisposeAsync()
    {
        Task made;
        lock (_lock)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            made = _changes.WhenAllMade();
            Begin();
        }
        try
        {
            await made;
        }
        catch (DiskException e)
        {
            LogLeftUnwritten(e.Message);
        }
        await _timer.DisposeAsync();
        await _thread.RunAsync(() =>
        {
            _database.Dispose();
            return true;
        });
        _thread.Dispose();
        _records?.Dispose();
    }

    private static List<ContainerRecord> WithChanges(List<ContainerRecord> rows, IReadOnlyList<JournaledChange> changes)
    {
        Dictionary<ContainerId, ContainerRecord> all = rows.ToDictionary(static row => row.Id);
        foreach (JournaledChange change in changes)
        {
            if (change.Record is null)
                all.Remove(change.Id);
            else
                all[change.Id] = change.Record;
        }
        return [.. all.Values];
    }

    /// <summary>Under the lock. What comes after the end is for the next daemon to find out. True: the end of this process can't undo it.</summary>
    private bool Add(ContainerId id, ContainerRecord? record, bool outlastsPowerLoss)
    {
        if (_isClosed)
            return false;
        _changes.Add(id, record, outlastsPowerLoss);
        bool isMade = _journal.TryRecord(id, record);
        if (_trouble is null && _changes.OutlastsPowerLoss)
            Begin();
        else
            SetTimer(_trouble is null ? Delay : _retryDelay);
        return isMade;
    }

    /// <summary>Under the lock. In trouble, what nobody waits for waits for the next attempt.</summary>
    private void SetTimer(TimeSpan delay)
    {
        if (_isTimed || _isClosed)
            return;
        _isTimed = true;
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    private void CommitTimed()
    {
        lock (_lock)
        {
            _isTimed = false;
            _changes.AddUnwritten();
            if (!_changes.IsEmpty)
                Begin();
        }
    }

    /// <summary>Under the lock. Who commits looks again afterwards for what is urgent.</summary>
    private void Begin()
    {
        if (_isCommitting)
            return;
        _isCommitting = true;
        BackgroundWork.Watch("index", _thread.RunAsync(() =>
        {
            CommitOne();
            return true;
        }));
    }

    private void CommitOne()
    {
        IndexBatch batch;
        ulong upTo;
        lock (_lock)
        {
            _changes.AddUnwritten();
            (batch, upTo) = (_changes.Take(), _journal.Last);
        }
        Write(batch, upTo);
        lock (_lock)
        {
            _changes.Settle(batch);
            if (batch.Failures.Count == 0)
                _journal.Written(batch.Rows.Keys, upTo);
            NoteOutcome(batch);
            _isCommitting = false;
            if (_trouble is null ? _changes.IsUrgent : _changes.HasWaiters)
                Begin();
            else if (!_changes.IsEmpty || _changes.UnwrittenCount > 0)
                SetTimer(_trouble is null ? Delay : NextRetry());
        }
        batch.Complete();
    }

    private void Write(IndexBatch batch, ulong upTo)
    {
        if (batch.Rows.Count == 0)
            return;
        try
        {
            _database.Write(batch.Rows, upTo, batch.OutlastsPowerLoss);
        }
        catch (DiskException e)
        {
            batch.FailAll(e);
        }
    }

    /// <summary>Under the lock. Says once that the disk refuses, and once that it takes all again.</summary>
    private void NoteOutcome(IndexBatch batch)
    {
        if (batch.Failures.Values.FirstOrDefault() is { } failure)
        {
            if (_trouble is null)
                LogCommitFailed(failure.Message, batch.Failures.Count);
            Volatile.Write(ref _trouble, failure.Message);
        }
        else if (_trouble is not null && batch.Rows.Count > 0)
        {
            _retryDelay = FirstRetry;
            Volatile.Write(ref _trouble, null);
            LogAllWritten();
        }
    }

    private TimeSpan NextRetry()
    {
        TimeSpan delay = _retryDelay;
        _retryDelay = delay * 2 < LongestRetry ? delay * 2 : LongestRetry;
        return delay;
    }

    [LoggerMessage(EventId = 210, Level = LogLevel.Error, Message = "{Count} changes of the cache's index could not be written ({Reason}). They are tried again until they are")]
    private partial void LogCommitFailed(string reason, int count);

    [LoggerMessage(EventId = 211, Level = LogLevel.Information, Message = "All changes of the cache's index are written again")]
    private partial void LogAllWritten();

    [LoggerMessage(EventId = 212, Level = LogLevel.Error, Message = "The cache's index could not be written at the end: {Reason}. The next start checks all that is cached")]
    private partial void LogLeftUnwritten(string reason);

    [LoggerMessage(EventId = 213, Level = LogLevel.Error, Message = "{Count} records of the cache's index journal are damaged: all that is cached is checked")]
    private partial void LogTorn(int count);
}

/// <summary>
/// The rows of the index in LiteDB: the collection "containers", its keys the containers' ids, its values the row (116 bytes) and CRC32C of that (4). The one row of the collection "header", 0, says of them: format (4), how many there
/// are (4), up to which number the journal's changes are in it (8), CRC32C of these (4). Used by one thread at a time.
/// </summary>
internal sealed class ContainerDatabase : IDisposable
{
    public const int FormatVersion = 2;

    private const string Rows = "containers", HeaderRows = "header";
    private const long HeaderKey = 0;
    private const int HeaderBytes = 16, SumBytes = sizeof(uint), MostRowsAtOnce = 4096;

    private readonly string _name;
    private readonly LiteDbFile _file;
    private uint _count;

    /// <summary>A transaction failed: it may be there all the same.</summary>
    private bool _isInDoubt;

    private ContainerDatabase(string name, LiteDbFile file) => (_name, _file) = (name, file);

    /// <summary>All changes of the journal up to this number are in it.</summary>
    public ulong Written { get; private set; }

    /// <summary>Makes one with these rows, in the place of whatever was there: <see cref="LiteDbFile.Make"/>.</summary>
    /// <exception cref="DiskException">The disk is full or failed; what was there is as it was.</exception>
    public static void Make(IDisk disk, string name, IReadOnlyList<ContainerRecord> rows) => LiteDbFile.Make(disk, name, file =>
    {
        var made = new ContainerDatabase(name, file);
        made.WriteInOne([], written: 0, outlastsPowerLoss: false);
        foreach (ContainerRecord[] some in rows.Chunk(MostRowsAtOnce))
            made.WriteInOne([.. some.Select(static r => KeyValuePair.Create(r.Id, new IndexRow(r, OutlastsPowerLoss: false)))], written: 0, outlastsPowerLoss: false);
    });

    /// <param name="rows">All that are in it.</param>
    /// <param name="knownBoot">See <see cref="ContainerRowCodec.TryRead"/>.</param>
    /// <exception cref="DiskException">It can't be read; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format. It is as it was.</exception>
    public static ContainerDatabase Open(IDisk disk, string name, string knownBoot, out List<ContainerRecord> rows)
    {
        var database = new ContainerDatabase(name, new LiteDbFile(disk, name));
        database.ReadHeader();
        var read = new List<ContainerRecord>();
        database._file.Read(Rows, (key, bytes) => read.Add(ReadRow(name, key, bytes, knownBoot)));
        if (read.Count != database._count)
            throw Damaged(name, $"{read.Count} rows of {database._count} are there");
        rows = read;
        return database;
    }

    /// <summary>
    /// Writes the last change of each container. Very many go in several transactions: the journal's changes count as written with the last of them, and until then the journal says the same.
    /// </summary>
    /// <exception cref="DiskException">The disk is full or failed; some of it may be written.</exception>
    public void Write(IReadOnlyCollection<KeyValuePair<ContainerId, IndexRow>> rows, ulong written, bool outlastsPowerLoss)
    {
        int left = rows.Count;
        foreach (KeyValuePair<ContainerId, IndexRow>[] some in rows.Chunk(MostRowsAtOnce))
        {
            left -= some.Length;
            WriteInOne(some, left == 0 ? written : Written, outlastsPowerLoss && left == 0);
        }
        if (rows.Count > MostRowsAtOnce)
            _file.Dispose(); // LiteDB keeps all pages that a transaction touched. The next opens it again.
    }

    public void Dispose() => _file.Dispose();

    /// <summary>All of it or nothing.</summary>
    private void WriteInOne(KeyValuePair<ContainerId, IndexRow>[] rows, ulong written, bool outlastsPowerLoss)
    {
        if (_isInDoubt)
            ReadHeader();
        uint count = _count;
        _isInDoubt = true;
        _file.Write(
            engine =>
            {
                BsonValue[] deleted = [.. rows.Where(static row => row.Value.Record is null).Select(static row => new BsonValue((long)row.Key.Value))];
                if (deleted.Length > 0)
                    count -= (uint)engine.Delete(Rows, deleted);
                count += (uint)engine.Upsert(Rows, rows.Select(static row => row.Value.Record).OfType<ContainerRecord>().Select(ToDocument), BsonAutoId.Int64);
                engine.Upsert(HeaderRows, [Header(count, written)], BsonAutoId.Int64);
            },
            outlastsPowerLoss);
        (_count, Written, _isInDoubt) = (count, written, false);
    }

    private static BsonDocument ToDocument(ContainerRecord record)
    {
        byte[] bytes = new byte[ContainerRowCodec.RowBytes + SumBytes];
        ContainerRowCodec.Write(record, bytes);
        return LiteDbFile.Row((long)record.Id.Value, Summed(bytes));
    }

    private static BsonDocument Header(uint count, ulong written)
    {
        byte[] bytes = new byte[HeaderBytes + SumBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, FormatVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), count);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), written);
        return LiteDbFile.Row(HeaderKey, Summed(bytes));
    }

    private static byte[] Summed(byte[] bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - SumBytes), Crc32C.Of(bytes.AsSpan(0, bytes.Length - SumBytes)));
        return bytes;
    }

    private static bool IsSummed(byte[]? bytes) => bytes is { Length: > SumBytes }
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - SumBytes)) == Crc32C.Of(bytes.AsSpan(0, bytes.Length - SumBytes));

    private static ContainerRecord ReadRow(string name, BsonValue key, byte[] bytes, string knownBoot)
    {
        ContainerRecord? record = null;
        bool isRow = IsSummed(bytes) && ContainerRowCodec.TryRead(bytes.AsSpan(0, bytes.Length - SumBytes), knownBoot, out ContainerId id, out record)
            && record is not null && (long)id.Value == key.AsInt64;
        return isRow ? record! : throw Damaged(name, $"row {key} is none");
    }

    private static DiskException Damaged(string name, string how) => new(DiskFailure.Failed, $"{name}: the database is damaged: {how}.");

    private void ReadHeader()
    {
        bool isThere = false;
        _file.Read(HeaderRows, (_, bytes) =>
        {
            if (!IsSummed(bytes) || bytes.Length != HeaderBytes + SumBytes)
                throw Damaged(_name, "its header is none");
            uint format = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            if (format > FormatVersion)
                throw new DiskException(DiskFailure.Failed, $"{_name}: format {format} is newer than this program's {FormatVersion}.");
            (_count, Written) = (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4)), BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)));
            isThere = true;
        });
        if (!isThere)
            throw Damaged(_name, "it has no header");
    }
}

/// <summary>
/// A row of the index as bytes, little-endian, checked when they are read: id (8), format (1), state (1), length of the boot's text or zero (1), zero (1), volume (4), vnode (8), uniquifier (4), CRC32C of the
/// content (4), base (8), length (8), allocated (8), seconds of mtime (8) and ctime (8), nanoseconds of both (4 each), the boot (28), the writer's uid (4) and gid (4).
/// A boot that is a UUID, as the kernel's are, is in 16 bytes and has a length of zero; else it is a text. Format 1 had its text in the last 36 bytes, and no writer.
/// </summary>
internal static class ContainerRowCodec
{
    public const int RowBytes = 116;

    private const byte Format = 2, FormatWithoutWriter = 1;
    private const int StateAt = 9, BootLengthAt = 10, BootAt = 80, UuidBytes = 16, WriterAt = RowBytes - 8, MostBootBytes = WriterAt - BootAt;
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>A state that no row has: the row is to go.</summary>
    private const byte Deleted = 0;

    /// <summary>It fits: its boot's name isn't longer than the kernel's are.</summary>
    public static bool Fits(ContainerRecord record) => Encoding.UTF8.GetByteCount(record.BootId) <= MostBootBytes || IsUuid(record.BootId, out _);

    public static void Write(ContainerRecord record, Span<byte> row)
    {
        WriteDeleted(record.Id, row);
        row[StateAt] = (byte)record.State;
        if (IsUuid(record.BootId, out Guid uuid))
            uuid.TryWriteBytes(row[BootAt..], bigEndian: true, out _);
        else
            row[BootLengthAt] = (byte)Encoding.UTF8.GetBytes(record.BootId, row[BootAt..WriterAt]);
        BinaryPrimitives.WriteUInt32LittleEndian(row[WriterAt..], record.Writer.Uid);
        BinaryPrimitives.WriteUInt32LittleEndian(row[(WriterAt + 4)..], record.Writer.Gid);
        BinaryPrimitives.WriteUInt32LittleEndian(row[12..], record.Fid.Volume.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(row[16..], record.Fid.Vnode.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(row[24..], record.Fid.Uniquifier.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(row[28..], record.Crc32C);
        BinaryPrimitives.WriteUInt64LittleEndian(row[32..], record.Base.Value);
        BinaryPrimitives.WriteInt64LittleEndian(row[40..], record.Baseline.LengthBytes);
        BinaryPrimitives.WriteInt64LittleEndian(row[48..], record.Baseline.AllocatedBytes);
        BinaryPrimitives.WriteInt64LittleEndian(row[56..], record.Baseline.ModifyTime.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(row[64..], record.Baseline.ChangeTime.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(row[72..], record.Baseline.ModifyTime.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(row[76..], record.Baseline.ChangeTime.Nanoseconds);
    }

    public static void WriteDeleted(ContainerId id, Span<byte> row)
    {
        row[..RowBytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(row, id.Value);
        row[8] = Format;
    }

    /// <summary>False: these bytes are no row.</summary>
    /// <param name="record">Null: the row is to go.</param>
    /// <param name="knownBoot">Taken instead of an equal text, of which there would be one a row.</param>
    public static bool TryRead(ReadOnlySpan<byte> row, string knownBoot, out ContainerId id, out ContainerRecord? record)
    {
        (id, record) = (default, null);
        if (row.Length < RowBytes || row[8] is not (Format or FormatWithoutWriter) || row[StateAt] > (byte)ContainerState.Storing)
            return false;
        id = new ContainerId(BinaryPrimitives.ReadUInt64LittleEndian(row));
        if (row[StateAt] == Deleted)
            return id.Value != 0;
        long lengthBytes = BinaryPrimitives.ReadInt64LittleEndian(row[40..]), allocatedBytes = BinaryPrimitives.ReadInt64LittleEndian(row[48..]);
        var modify = new Timestamp(BinaryPrimitives.ReadInt64LittleEndian(row[56..]), BinaryPrimitives.ReadUInt32LittleEndian(row[72..]));
        var change = new Timestamp(BinaryPrimitives.ReadInt64LittleEndian(row[64..]), BinaryPrimitives.ReadUInt32LittleEndian(row[76..]));
        bool hasWriter = row[8] == Format;
        int bootBytes = row[BootLengthAt];
        if (bootBytes > (hasWriter ? MostBootBytes : RowBytes - BootAt) || id.Value == 0 || lengthBytes < 0 || allocatedBytes < 0 || modify.Nanoseconds >= NanosecondsPerSecond || change.Nanoseconds >= NanosecondsPerSecond)
            return false;
        string boot = hasWriter && bootBytes == 0 ? TextOf(new Guid(row.Slice(BootAt, UuidBytes), bigEndian: true)) : Encoding.UTF8.GetString(row.Slice(BootAt, bootBytes));
        record = new ContainerRecord(
            id,
            new Fid(
                new VolumeId(BinaryPrimitives.ReadUInt32LittleEndian(row[12..])),
                new VnodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(row[16..])),
                new Uniquifier(BinaryPrimitives.ReadUInt32LittleEndian(row[24..]))),
            new DataVersion(BinaryPrimitives.ReadUInt64LittleEndian(row[32..])),
            (ContainerState)row[StateAt],
            BinaryPrimitives.ReadUInt32LittleEndian(row[28..]),
            new ContainerStat(lengthBytes, allocatedBytes, modify, change),
            boot == knownBoot ? knownBoot : boot,
            hasWriter ? new Caller(BinaryPrimitives.ReadUInt32LittleEndian(row[WriterAt..]), BinaryPrimitives.ReadUInt32LittleEndian(row[(WriterAt + 4)..])) : Caller.Client);
        return true;
    }

    private static string TextOf(Guid boot) => boot == Guid.Empty ? "" : boot.ToString();

    /// <summary>In the form in which a UUID is read again.</summary>
    private static bool IsUuid(string boot, out Guid uuid) => Guid.TryParseExact(boot, "D", out uuid) && uuid.ToString() == boot;
}

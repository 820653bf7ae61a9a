using Afs.Platform;
using Afs.Wire;
using LiteDB;
using LiteDB.Engine;

namespace Afs.Venus.Cache;

/// <summary>
/// A database of LiteDB in two files of a disk, NAME and NAME-log. A row is a key and bytes: LiteDB maps nothing and has no other index. A commit is a write to the log, which
/// survives the end of this process; <see cref="LiteDbLogStream"/> and <see cref="LiteDbDataStream"/> make it hold after a loss of power as well.
///
/// RULES:
///  1. One thread at a time; a transaction begins and ends in one call, since LiteDB ties it to its thread.
///  2. What is read is read once, by an engine that writes nothing and goes afterwards with all that it cached.
///  3. After any error the engine is given up: what it writes goes nowhere from then on, and the next call opens another one, which finds the last commit that the disk took.
///  4. A damaged file may make LiteDB throw anything: all of it is a <see cref="DiskException"/> here.
/// </summary>
internal sealed class LiteDbFile(IDisk disk, string name) : IDisposable
{
    private const string Log = "-log", New = ".new", Key = "_id", Bytes = "r";

    private LiteEngine? _engine;
    private IDiskFile? _dataFile, _logFile;
    private LiteDbLogStream? _log;
    private LiteDbWrites _writes = new(areWanted: false);

    /// <summary>What the files say may not be on the disk, though the kernel would not write it again: after an error, also one of a process before this.</summary>
    private bool _isInDoubt = true;

    /// <summary>The names of all its files.</summary>
    public static IReadOnlyList<string> FilesOf(string name) => [name, name + Log];

    /// <summary>Deletes it, and what was left of making it.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static void Delete(IDisk disk, string name)
    {
        foreach (string file in FilesOf(name))
            disk.Delete(file);
    }

    /// <summary>
    /// Makes a database, on stable storage with all that it is filled with, and then puts it into its place, in which there may be a file of another kind: a crash leaves the one or the other.
    /// </summary>
    /// <param name="fill">Makes its first transactions; each must be whole.</param>
    /// <exception cref="DiskException">The disk is full or failed; what was there is as it was.</exception>
    public static void Make(IDisk disk, string name, Action<LiteDbFile> fill)
    {
        string made = name + New;
        Delete(disk, made);
        using (var file = new LiteDbFile(disk, made))
        {
            disk.Open(made, DiskOpenMode.CreateNew).Dispose();
            CreateLog(disk, made);
            fill(file);
            file.Checkpoint();
        }
        disk.Delete(name + Log);
        CreateLog(disk, name);
        disk.SyncDirectory(".");
        disk.Rename(made, name);
        disk.SyncDirectory(".");
        disk.Delete(made + Log);
    }

    /// <summary>Gives all rows of a collection, in the order of their keys.</summary>
    /// <exception cref="DiskException">The disk failed, or the database is damaged; nothing was changed.</exception>
    public void Read(string collection, Action<BsonValue, byte[]> row) => Guard(() =>
    {
        _engine?.Dispose();
        using (LiteEngine engine = Open(toWrite: false))
        using (IBsonDataReader rows = engine.Query(collection, new Query()))
        {
            while (rows.Read())
            {
                BsonDocument document = rows.Current.AsDocument;
                row(document[Key], document[Bytes].AsBinary);
            }
        }
        Close();
    });

    /// <summary>One transaction.</summary>
    /// <exception cref="DiskException">The disk is full or failed; after the next opening it is there whole or not at all.</exception>
    public void Write(Action<LiteEngine> change, bool outlastsPowerLoss) => Guard(() =>
    {
        LiteEngine engine = _engine ??= Open(toWrite: true);
        engine.BeginTrans();
        change(engine);
        engine.Commit();
        CheckWrites();
        if (outlastsPowerLoss)
            _log!.Sync();
    });

    public static BsonDocument Row(BsonValue key, byte[] bytes) => new() { [Key] = key, [Bytes] = bytes };

    /// <summary>LiteDB brings the data file up to date if it can; where it can't the log has it all.</summary>
    public void Dispose()
    {
        _engine?.Dispose();
        Close();
    }

    private static void CreateLog(IDisk disk, string name)
    {
        using IDiskFile log = disk.Open(name + Log, DiskOpenMode.CreateNew);
        LiteDbLogStream.Create(log);
    }

    private void Checkpoint() => Guard(() =>
    {
        _engine?.Checkpoint();
        CheckWrites();
    });

    private void CheckWrites()
    {
        if (_writes.Failure is { } failure)
            throw failure;
    }

    private LiteEngine Open(bool toWrite)
    {
        Close();
        _writes = new LiteDbWrites(toWrite);
        _dataFile = OpenFile(name);
        _logFile = OpenFile(name + Log);
        _log = LiteDbLogStream.Open(_logFile, _writes, isInDoubt: _isInDoubt && toWrite);
        _isInDoubt &= !toWrite;
        var data = new LiteDbDataStream(_dataFile, _log, _writes);
        if (data.Length == 0 && !name.EndsWith(New, StringComparison.Ordinal))
            throw new DiskException(DiskFailure.Failed, $"{name} is empty.");
        return new LiteEngine(new EngineSettings { DataStream = data, LogStream = _log, Collation = Collation.Binary });
    }

    /// <summary>One that is missing is damage: they are made together.</summary>
    private IDiskFile OpenFile(string file)
    {
        try
        {
            return disk.Open(file, DiskOpenMode.ReadWrite);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            throw new DiskException(DiskFailure.Failed, e.Message, e);
        }
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            GiveUp();
            throw _writes.Failure ?? e as DiskException ?? new DiskException(DiskFailure.Failed, $"{name}: the database is damaged, or LiteDB failed: {e.Message} ({e.GetType().Name})", e);
        }
    }

    private void GiveUp()
    {
        _isInDoubt = true;
        _writes.End();
        _engine?.Dispose();
        Close();
    }

    private void Close()
    {
        _isInDoubt |= _writes.Failure is not null;
        _dataFile?.Dispose();
        _logFile?.Dispose();
        (_engine, _log, _dataFile, _logFile) = (null, null, null, null);
    }
}

/// <summary>Where a cache lives. A simulation has its own container files and index.</summary>
/// <param name="BootId">Tells one boot of the machine from another.</param>
/// <param name="WasCleanEnd">The last daemon on this cache ended by itself, with all it knew in the index.</param>
internal sealed record CacheStorage(IDisk Disk, IContainerFiles Files, IContainerIndex Index, string BootId, bool WasCleanEnd)
{
    /// <summary>Of each volume, once. Null: statuses and names end with the daemon.</summary>
    public Func<VolumeId, ISavedVnodes>? Vnodes { get; init; }

    /// <summary>Containers that the kernel has open, by a daemon before this one.</summary>
    public IReadOnlyList<HeldContainer> Held { get; init; } = [];

    /// <summary>Where long work on container files is done. A simulation does it at once.</summary>
    public IBlockingWork Work { get; init; } = new InlineWork();
}

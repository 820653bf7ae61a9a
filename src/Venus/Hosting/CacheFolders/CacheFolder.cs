using System.Globalization;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>A cache directory on the machine's disk, held against other daemons. docs/disk-format-cache.md describes it.</summary>
internal sealed partial class CacheFolder : IDisposable
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";
    private const string CleanEnd = "clean-end";

    /// <summary>Readings and copies of large containers at a time.</summary>
    private const int BlockingThreads = 4;

    /// <summary>Container files that stay open while nobody works on them: no more, and no more than this share of what may be opened.</summary>
    private const int MostIdleFiles = 8192, IdleShare = 4;

    private readonly CacheFolderLock _lock;
    private readonly BlockingPool _work;

    private readonly ILogger _log;

    private CacheFolder(CacheFolderLock held, CacheStorage storage, BlockingPool work, ILogger log) => (_lock, Storage, _work, _log) = (held, storage, work, log);

    public CacheStorage Storage { get; }

    /// <exception cref="CacheFolderException">It is in use, or can't be used.</exception>
    public static CacheFolder Open(string path, IReadOnlyList<HeldContainer> open, TimeProvider time, ILogger log)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("Venus runs on Linux.");
        try
        {
            PrivateFolder.Claim(path);
        }
        catch (PrivateFolderException e)
        {
            throw new CacheFolderException($"The cache directory can't be used. {e.Message}", e);
        }
        CacheFolderLock held = CacheFolderLock.Take(path);
        try
        {
            int openFiles = OpenFileLimit.Raise() - OpenFileLimit.Reserve;
            var disk = new LinuxDisk(path, openFiles);
            string bootId = File.ReadAllText(BootIdFile).Trim();
            LiteDbContainerIndex index = CacheIndexFile.Open(path, disk, bootId, time, log);
            bool wasCleanEnd = disk.Delete(CleanEnd) && !index.WasJournalTorn;
            var work = new BlockingPool(BlockingThreads);
            var storage = new CacheStorage(disk, new ContainerFiles(disk, Math.Clamp(openFiles / IdleShare, 0, MostIdleFiles)), index, bootId, wasCleanEnd)
            {
                Vnodes = SavedVnodesFile.Open(path, disk, log),
                Held = open,
                Work = work,
            };
            return new CacheFolder(held, storage, work, log);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held.Dispose();
            throw new CacheFolderException($"The cache directory {path} can't be used: {e.Message}", e);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>To be called when all is written: the next start need not check the containers. Where the disk refuses even that, it checks them.</summary>
    public void MarkCleanEnd()
    {
        try
        {
            using IDiskFile file = Storage.Disk.Open(CleanEnd, DiskOpenMode.OpenOrCreate);
            file.Sync();
        }
        catch (DiskException e)
        {
            LogNotMarked(_log, e.Message);
        }
    }

    public void Dispose()
    {
        _work.Dispose();
        _lock.Dispose();
    }

    [LoggerMessage(EventId = 311, Level = LogLevel.Warning, Message = "The end of this daemon could not be marked as clean: {Reason}")]
    private static partial void LogNotMarked(ILogger log, string reason);
}

/// <summary>A cache directory can't be used. The message is for the one who asked for it.</summary>
public sealed class CacheFolderException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Another daemon has it.</summary>
    public bool IsInUse { get; init; }
}

/// <summary>
/// Keeps a second daemon off a cache directory: an flock(2) on its file <c>lock</c>, which ends with the process, however that ends. The file
/// <c>pid</c> beside it says who that is. The lock of a <see cref="KilledDaemon"/>, which does nothing any more and can't let go, is passed over: the next one locks a new file of that name. Who takes the lock
/// has <c>lock.guard</c> meanwhile, so that two can't do so at once, and <c>pid</c> is right for whoever reads it there.
/// </summary>
internal sealed class CacheFolderLock : IDisposable
{
    private const string Name = "lock";
    private const string PidName = "pid";
    private const string GuardName = "lock.guard";

    /// <summary>Who has the guard lets go at once.</summary>
    private const int GuardAttempts = 100, GuardPauseMs = 50;

    private readonly FileStream _file;

    private CacheFolderLock(FileStream file) => _file = file;

    /// <exception cref="CacheFolderException">Another daemon has it; the message names its pid. Or the folder can't be written.</exception>
    public static CacheFolderLock Take(string folder)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            using FileStream guard = TakeGuard(folder);
            FileStream file = Lock(folder, path);
            File.WriteAllText(Path.Combine(folder, PidName), Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
            return new CacheFolderLock(file);
        }
        catch (IOException) when (File.Exists(path) && Owner(folder) is { } owner)
        {
            throw new CacheFolderException($"The cache directory {folder} is in use by process {owner}. Use another one, or unmount that.") { IsInUse = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheFolderException($"The cache directory {folder} can't be used: {e.Message}", e);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <exception cref="IOException">A daemon that lives has it.</exception>
    private static FileStream Lock(string folder, string path)
    {
        try
        {
            return OpenLocked(path);
        }
        catch (IOException) when (int.TryParse(Owner(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int owner) && KilledDaemon.Is(owner))
        {
            File.Delete(path);
            return OpenLocked(path);
        }
    }

    private static FileStream TakeGuard(string folder)
    {
        string path = Path.Combine(folder, GuardName);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return OpenLocked(path);
            }
            catch (IOException) when (attempt < GuardAttempts && File.Exists(path))
            {
                Thread.Sleep(GuardPauseMs);
            }
        }
    }

    /// <summary>FileShare.None is LOCK_EX | LOCK_NB here.</summary>
    private static FileStream OpenLocked(string path) => new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);

    private static string? Owner(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, PidName)).Trim() is { Length: > 0 } pid ? pid : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>The index of a cache directory, in its files. docs/disk-format-cache.md describes them.</summary>
internal static partial class CacheIndexFile
{
    public const string Name = "index.db";

    private const string Journal = "index.journal", Containers = "containers";

    /// <summary>
    /// Opens it, makes it, or takes over one of format 1. A damaged one says nothing of what is dirty: it is set aside with all container files, where a person can look, and a new one begun.
    /// </summary>
    /// <param name="path">The folder of <paramref name="disk"/>.</param>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public static LiteDbContainerIndex Open(string path, IDisk disk, string bootId, TimeProvider time, ILogger log)
    {
        try
        {
            TakeOver(path, disk, log);
            return OpenOnce(path, disk, bootId, time, log);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed && disk.Exists(Name))
        {
            SetAside(path, time, log, e.Message);
            return OpenOnce(path, disk, bootId, time, log);
        }
    }

    private static void TakeOver(string path, IDisk disk, ILogger log)
    {
        if (SqliteCache.IsThere(disk, Name))
        {
            List<ContainerRecord> rows = SqliteCache.ReadIndex(Path.Combine(path, Name));
            disk.Delete(Journal); // Of a program of this format that was followed by one of format 1.
            ContainerDatabase.Make(disk, Name, rows);
            LogTakenOver(log, Name, rows.Count);
        }
        foreach (string left in SqliteCache.LogsOf(Name))
            disk.Delete(left);
    }

    private static LiteDbContainerIndex OpenOnce(string path, IDisk disk, string bootId, TimeProvider time, ILogger log)
    {
        if (!disk.Exists(Name))
        {
            disk.Delete(Journal); // Of an index that is gone.
            ContainerDatabase.Make(disk, Name, []);
        }
        return LiteDbContainerIndex.Open(disk, Name, OpenJournal(Path.Combine(path, Journal), log), bootId, time, log);
    }

    /// <summary>Null: there is no room for one.</summary>
    private static MappedRecords? OpenJournal(string path, ILogger log)
    {
        try
        {
            return MappedRecords.Open(path, IndexJournal.RecordBytes, isNew: false);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NoSpace)
        {
            LogNoJournal(log, e.Message);
            return null;
        }
    }

    /// <summary>The database last: as long as it is there, a crash meanwhile leaves nothing that the next start takes for an empty cache, whose container files nobody needs.</summary>
    private static void SetAside(string path, TimeProvider time, ILogger log, string reason)
    {
        string aside = Path.Combine(path, "recovered", "damaged-" + time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'.'fff", CultureInfo.InvariantCulture));
        LogDamaged(log, Path.Combine(path, Name), reason, aside);
        Directory.CreateDirectory(aside);
        if (Directory.Exists(Path.Combine(path, Containers)))
            Directory.Move(Path.Combine(path, Containers), Path.Combine(aside, Containers));
        foreach (string name in (string[])[Journal, .. SqliteCache.LogsOf(Name), .. LiteDbFile.FilesOf(Name).Reverse()])
        {
            if (File.Exists(Path.Combine(path, name)))
                File.Move(Path.Combine(path, name), Path.Combine(aside, name));
        }
    }

    [LoggerMessage(EventId = 310, Level = LogLevel.Error,
        Message = "{Index} can't be read ({Reason}). It was moved to {Aside} with all container files: what was dirty is among them. The cache begins empty.")]
    private static partial void LogDamaged(ILogger log, string index, string reason, string aside);

    [LoggerMessage(EventId = 312, Level = LogLevel.Information, Message = "{Index} was a database of an older format: its {Count} containers were taken over")]
    private static partial void LogTakenOver(ILogger log, string index, int count);

    [LoggerMessage(EventId = 313, Level = LogLevel.Warning, Message = "There is no room for the index's journal ({Reason}): until the next start an open for writing waits for the index's database")]
    private static partial void LogNoJournal(ILogger log, string reason);
}

/// <summary>The files <c>vnodes-ID.db</c> of a cache directory, one for each volume.</summary>
internal static partial class SavedVnodesFile
{
    /// <summary>In formats up to 2, of the one volume that there was.</summary>
    public const string Name = "vnodes.db";

    public static string NameOf(VolumeId volume) => $"vnodes-{VolumeIdentity.Digits(volume)}.db";

    /// <summary>
    /// What opens that of a volume. Those of an older format are taken over first; one of format 1 that is damaged is deleted. One that is damaged otherwise shows that when it is read.
    /// </summary>
    /// <param name="path">The folder of <paramref name="disk"/>.</param>
    /// <exception cref="DiskException">The disk is full or failed.</exception>
    public static Func<VolumeId, LiteDbSavedVnodes> Open(string path, IDisk disk, ILogger log)
    {
        if (SqliteCache.IsThere(disk, Name))
            TakeOver(path, disk, log);
        foreach (string left in SqliteCache.LogsOf(Name))
            disk.Delete(left);
        VolumeIdentity.TakeOver(disk, Name, NameOf);
        LiteDbFile.Delete(disk, Name); // Of a volume that nobody knows.
        return volume => new LiteDbSavedVnodes(disk, NameOf(volume), log);
    }

    private static void TakeOver(string path, IDisk disk, ILogger log)
    {
        try
        {
            if (SqliteCache.ReadVnodes(Path.Combine(path, Name)) is { } old)
                LiteDbSavedVnodes.Make(disk, Name, old.Volume, old.Incarnation, old.Saved);
            else
                disk.Delete(Name);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed)
        {
            LogDamaged(log, Name, e.Message);
            disk.Delete(Name);
        }
    }

    [LoggerMessage(EventId = 323, Level = LogLevel.Warning, Message = "{Name} of an older format can't be read ({Reason}) and is deleted: what it says is asked of the server again")]
    private static partial void LogDamaged(ILogger log, string name, string reason);
}

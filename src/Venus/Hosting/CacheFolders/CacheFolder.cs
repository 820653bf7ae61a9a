using System.Globalization;
using Afs.Platform;
using Afs.Venus.Cache;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>A cache directory on the machine's disk, held against other daemons. docs/disk-format-cache.md describes it.</summary>
internal sealed partial class CacheFolder : IDisposable
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";
    private const string CleanEnd = "clean-end";
    private const string IndexName = "index.db";

    /// <summary>Readings and copies of large containers at a time.</summary>
    private const int BlockingThreads = 4;

    private readonly CacheFolderLock _lock;
    private readonly BlockingPool _work;

    private CacheFolder(CacheFolderLock held, CacheStorage storage, BlockingPool work) => (_lock, Storage, _work) = (held, storage, work);

    public CacheStorage Storage { get; }

    /// <exception cref="CacheFolderException">It is in use, or can't be used.</exception>
    public static CacheFolder Open(string path, IReadOnlyList<HeldContainer> open, TimeProvider time, ILogger log)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("Venus runs on Linux.");
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheFolderException($"The cache directory {path} can't be made: {e.Message}", e);
        }
        CacheFolderLock held = CacheFolderLock.Take(path);
        try
        {
            var disk = new LinuxDisk(path, OpenFileLimit.Raise() - OpenFileLimit.Reserve);
            SqliteContainerIndex index = OpenIndex(path, time, log);
            bool wasCleanEnd = disk.Delete(CleanEnd);
            var work = new BlockingPool(BlockingThreads);
            var storage = new CacheStorage(disk, new ContainerFiles(disk), index, File.ReadAllText(BootIdFile).Trim(), wasCleanEnd)
            {
                Vnodes = SavedVnodesFile.Open(path, log),
                Held = open,
                Work = work,
            };
            return new CacheFolder(held, storage, work);
        }
        catch (DiskException e)
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

    /// <summary>To be called when all is written: the next start need not check the containers.</summary>
    public void MarkCleanEnd()
    {
        using IDiskFile file = Storage.Disk.Open(CleanEnd, DiskOpenMode.OpenOrCreate);
        file.Sync();
    }

    public void Dispose()
    {
        _work.Dispose();
        _lock.Dispose();
    }

    /// <summary>A damaged index says nothing of what is dirty: it is set aside with all container files, where a person can look, and a new one begun.</summary>
    private static SqliteContainerIndex OpenIndex(string path, TimeProvider time, ILogger log)
    {
        string index = Path.Combine(path, IndexName);
        try
        {
            return SqliteContainerIndex.Open(index, time, log);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed && File.Exists(index))
        {
            string aside = Path.Combine(path, "recovered", "damaged-" + time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'.'fff", CultureInfo.InvariantCulture));
            LogDamaged(log, index, e.Message, aside);
            Directory.CreateDirectory(aside);
            foreach (string name in (string[])[IndexName, IndexName + "-wal", IndexName + "-shm"])
            {
                if (File.Exists(Path.Combine(path, name)))
                    File.Move(Path.Combine(path, name), Path.Combine(aside, name));
            }
            if (Directory.Exists(Path.Combine(path, "containers")))
                Directory.Move(Path.Combine(path, "containers"), Path.Combine(aside, "containers"));
            return SqliteContainerIndex.Open(index, time, log);
        }
    }

    [LoggerMessage(EventId = 310, Level = LogLevel.Error,
        Message = "{Index} can't be read ({Reason}). It was moved to {Aside} with all container files: what was dirty is among them. The cache begins empty.")]
    private static partial void LogDamaged(ILogger log, string index, string reason, string aside);
}

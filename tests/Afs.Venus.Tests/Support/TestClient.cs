using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>One client: a cache manager with its own folder on the real disk, over a volume in memory.</summary>
internal sealed class TestClient : CacheClient, IAsyncDisposable
{
    private readonly bool _ownsFolder;

    private TestClient(string folder, bool ownsFolder, MemoryVice vice, FakeTime time, CacheManager manager, IContainerFiles files)
        : base(manager) =>
        (Folder, _ownsFolder, Server, Time, Files) = (folder, ownsFolder, vice, time, files);

    public string Folder { get; }

    public MemoryVice Server { get; }

    public FakeTime Time { get; }

    public IContainerFiles Files { get; }

    public TestKernel Kernel { get; } = new();

    public static async Task<TestClient> OpenAsync(
        MemoryVolume volume, FakeTime? time = null, CacheLimits? limits = null, string? folder = null, bool wasCleanEnd = true, string bootId = "boot",
        Func<IDisk, IDisk>? disk = null, Func<IContainerIndex, IContainerIndex>? index = null, Func<IContainerFiles, IContainerFiles>? files = null,
        IBlockingWork? work = null, ILogger? log = null)
    {
        time ??= new FakeTime();
        string root = folder ?? Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
        Directory.CreateDirectory(root);
        IDisk real = new LinuxDisk(root);
        IDisk used = disk?.Invoke(real) ?? real;
        IContainerFiles plain = new ContainerFiles(used, mostOpen: 4096), looked = files?.Invoke(plain) ?? plain;
        log ??= NullLogger.Instance;
        var vice = new MemoryVice(volume, time);
        IContainerIndex rows = CacheIndexFile.Open(root, real, bootId, time, log);
        var storage = new CacheStorage(used, looked, index?.Invoke(rows) ?? rows, bootId, wasCleanEnd)
        {
            Vnodes = SavedVnodesFile.Open(root, real, log),
            Work = work ?? new InlineWork(),
        };
        var options = new CacheOptions { Limits = limits ?? new CacheLimits { ReservedFreeBytes = 0 } };
        var manager = new CacheManager(options, storage, vice, time, new Random(1), log);
        Assert.Equal(Failure.None, await manager.StartAsync(default));
        var client = new TestClient(root, folder is null, vice, time, manager, looked);
        manager.AttachKernel(client.Kernel);
        return client;
    }

    /// <summary>One more volume in the same cache, over a server of its own.</summary>
    public async Task<MemoryVice> OpenVolumeAsync(string name, MemoryVolume volume)
    {
        var server = new MemoryVice(volume, Time);
        Result<Fid> root = await Manager.OpenVolumeAsync(name, server, default);
        Assert.Equal((Failure.None, volume.Top), (root.Failure, root.Value));
        return server;
    }

    /// <summary>Time goes on until what was written has been looked at, and nobody can write to it any more.</summary>
    public Task SealAllAsync() =>
        Eventually.BecomesTrueAsync(() => Manager.Containers.All(static c => c.Phase == ContainerPhase.Clean), () => Time.Advance(TimeSpan.FromSeconds(1)));

    /// <summary>As kill -9 does: nothing is stored, the server isn't told; the folder stays.</summary>
    public async Task CrashAsync()
    {
        Server.Stub.IsCut = true;
        await Manager.AbandonAsync();
    }

    /// <summary>As <see cref="CrashAsync"/>, in the middle of it: what the index was to write some time later is lost too.</summary>
    public async Task KillAsync()
    {
        (string Path, byte[] Content)[] index = [.. Index().Select(static path => (path, File.ReadAllBytes(path)))];
        await CrashAsync();
        foreach (string path in Index())
            File.Delete(path);
        foreach ((string path, byte[] content) in index)
            await File.WriteAllBytesAsync(path, content);
    }

    public async ValueTask DisposeAsync()
    {
        await Manager.DisposeAsync();
        Manager.CheckInvariants();
        if (_ownsFolder)
            Directory.Delete(Folder, recursive: true);
    }

    /// <summary>The one file that is parked in a cache directory.</summary>
    public static string ParkedIn(string folder) =>
        Directory.GetFiles(Path.Combine(folder, "recovered")).Single(static path => !path.EndsWith(".json", StringComparison.Ordinal));

    /// <summary>The database, its log, and the journal before it.</summary>
    private string[] Index() => Directory.GetFiles(Folder, "index.*");
}

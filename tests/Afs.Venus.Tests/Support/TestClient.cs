using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
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
        Func<IDisk, IDisk>? disk = null)
    {
        time ??= new FakeTime();
        string root = folder ?? Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
        Directory.CreateDirectory(root);
        IDisk real = new LinuxDisk(root);
        IDisk used = disk?.Invoke(real) ?? real;
        var files = new ContainerFiles(used);
        ILogger log = NullLogger.Instance;
        var vice = new MemoryVice(volume, time);
        var storage = new CacheStorage(used, files, SqliteContainerIndex.Open(Path.Combine(root, "index.db"), time, log), bootId, wasCleanEnd)
        {
            Vnodes = SavedVnodesFile.Open(root, log),
        };
        var options = new CacheOptions { Limits = limits ?? new CacheLimits { ReservedFreeBytes = 0 } };
        var manager = new CacheManager(options, storage, vice, time, new Random(1), log);
        Assert.Equal(Failure.None, await manager.StartAsync(default));
        var client = new TestClient(root, folder is null, vice, time, manager, files);
        manager.AttachKernel(client.Kernel);
        return client;
    }

    /// <summary>As kill -9 does: nothing is stored, the server isn't told; the folder stays.</summary>
    public async Task CrashAsync()
    {
        Server.Stub.IsCut = true;
        await Manager.AbandonAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Manager.DisposeAsync();
        Manager.CheckInvariants();
        if (_ownsFolder)
            Directory.Delete(Folder, recursive: true);
    }
}

using System.Text;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>One client: a cache manager with its own folder on the real disk, over a volume in memory.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly bool _ownsFolder;

    private TestClient(string folder, bool ownsFolder, MemoryVice vice, FakeTime time, CacheManager manager, IContainerFiles files) =>
        (Folder, _ownsFolder, Server, Time, Manager, Files) = (folder, ownsFolder, vice, time, manager, files);

    public string Folder { get; }

    public MemoryVice Server { get; }

    public FakeTime Time { get; }

    public CacheManager Manager { get; }

    public IContainerFiles Files { get; }

    public TestKernel Kernel { get; } = new();

    public Fid Root => Manager.Root;

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
        var storage = new CacheStorage(used, files, SqliteContainerIndex.Open(Path.Combine(root, "index.db"), log), bootId, wasCleanEnd);
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

    public async Task<Fid> CreateAsync(string name, Fid? parent = null, FileType type = FileType.Regular)
    {
        Result<FetchStatus> made = await Manager.Operations.CreateAsync(
            new CreateRequest
            {
                Parent = parent ?? Root,
                Name = MemoryVice.Name(name),
                Type = type,
                Mode = 0x1a4,
                Uid = 1,
                Gid = 1,
                Time = Manager.Operations.Now,
            },
            default);
        Assert.Equal(Failure.None, made.Failure);
        return made.Value.Fid;
    }

    /// <summary>Open, write all, close.</summary>
    public async Task<Failure> WriteAsync(Fid fid, byte[] content)
    {
        using IContainer container = await OpenAsync(fid, forWriting: true, truncate: true);
        RandomAccess.Write(container.Handle, content, 0);
        return await container.StoreAsync(killSetId: false, default);
    }

    public Task<Failure> WriteAsync(Fid fid, string content) => WriteAsync(fid, Encoding.UTF8.GetBytes(content));

    public async Task<string> ReadAsync(Fid fid) => Encoding.UTF8.GetString(await ReadBytesAsync(fid));

    public async Task<byte[]> ReadBytesAsync(Fid fid)
    {
        if (!Manager.Contents.TryOpenForReading(fid, out IContainer container))
            container = await OpenAsync(fid);
        using (container)
            return ReadAll(container);
    }

    public async Task<IContainer> OpenAsync(Fid fid, bool forWriting = false, bool truncate = false)
    {
        Result<IContainer> opened = await Manager.Contents.OpenAsync(fid, forWriting, truncate, default);
        Assert.Equal(Failure.None, opened.Failure);
        return opened.Value;
    }

    public static byte[] ReadAll(IContainer container)
    {
        byte[] bytes = new byte[RandomAccess.GetLength(container.Handle)];
        Assert.Equal(bytes.Length, RandomAccess.Read(container.Handle, bytes, 0));
        return bytes;
    }

    public async Task<Fid?> LookupAsync(string name, Fid? parent = null)
    {
        while (true)
        {
            LookupAnswer answer = Manager.Directories.TryLookup(parent ?? Root, MemoryVice.Name(name), out Fid child, out _);
            if (answer != LookupAnswer.Unknown)
                return answer == LookupAnswer.Found ? child : null;
            Assert.Equal(Failure.None, await Manager.Directories.LoadAsync(parent ?? Root, default));
        }
    }

    public async Task<IReadOnlyList<string>> ListAsync(Fid? directory = null)
    {
        DirectoryListing listing;
        while (!Manager.Directories.TryGetListing(directory ?? Root, out listing))
            Assert.Equal(Failure.None, await Manager.Directories.LoadAsync(directory ?? Root, default));
        return [.. listing.Names.Select(static n => MemoryVolume.Text(n.Name))];
    }

    public long Figure(string name) => Manager.ReadFigures().Single(f => f.Name == name).Value;

    public async ValueTask DisposeAsync()
    {
        await Manager.DisposeAsync();
        if (_ownsFolder)
            Directory.Delete(Folder, recursive: true);
    }
}

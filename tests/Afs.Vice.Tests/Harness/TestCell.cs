using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Hosting;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Sqlite;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Vice.Tests.Harness;

/// <summary>A server in this process with a clock of its own, its clients, and its restarts.</summary>
public sealed class TestCell : IDisposable
{
    private readonly StoreKind _kind;
    private readonly ViceOptions _options;
    private readonly ILogger _log;
    private readonly MemoryMetadataStore _memory = new();
    private readonly bool _callersCommit;
    private readonly DiskThreads _disks;
    private CommitThread _commits;
    private ulong _lastClient;

    /// <param name="callersCommit">As in the daemon; a caller may then wait for whatever holds up the commit.</param>
    /// <param name="disks">Null: callers wait for the disk themselves.</param>
    public TestCell(StoreKind kind = StoreKind.Memory, ViceOptions? options = null, ILogger? log = null, bool callersCommit = false, DiskThreads? disks = null)
    {
        _disks = disks ?? DiskThreads.Inline;
        _callersCommit = callersCommit;
        _commits = new CommitThread(callersCommit);
        (_kind, _options, _log) = (kind, options ?? new ViceOptions(), log ?? NullLogger.Instance);
        Folder = Path.Combine(Path.GetTempPath(), $"vice-tests-{Guid.NewGuid():n}");
        Directory.CreateDirectory(Folder);
        Disk = new FaultyDisk(new LinuxDisk(Folder));
        Metadata = OpenStore();
        Server = Start();
    }

    public string Folder { get; }

    public FakeTime Time { get; } = new();

    public FaultyDisk Disk { get; }

    public IMetadataStore Metadata { get; private set; }

    /// <summary>The server's view of <see cref="Metadata"/> in this life.</summary>
    public HookedStore Hooks { get; private set; } = null!;

    public MemoryMetadataStore Memory => _memory;

    public ViceServer Server { get; private set; }

    private string DatabasePath => Path.Combine(Folder, "metadata.db");

    public Callbacks.LeaseTerms Terms => new(_options.Lease);

    public TimeSpan ServerWait => Terms.ServerWait;

    /// <summary>A client with a session, connected.</summary>
    public async Task<TestClient> ConnectAsync()
    {
        var client = new TestClient(this, new ClientId(++_lastClient << 32, 7));
        await client.NewSessionAsync();
        client.Attach();
        return client;
    }

    /// <summary>Ends this life of the server and begins the next on the same stores. Nobody is connected to it.</summary>
    /// <param name="between">Gets the path of the database while nobody has it open.</param>
    public void Restart(Action<string>? between = null)
    {
        Stop();
        between?.Invoke(DatabasePath);
        _commits = new CommitThread(_callersCommit);
        Metadata = OpenStore();
        Server = Start();
    }

    /// <summary>Lets what is on its way arrive, and then looks whether the task is still unfinished.</summary>
    public static async Task StaysPendingAsync(Task task)
    {
        await Task.Delay(50);
        Assert.False(task.IsCompleted);
    }

    public void Dispose()
    {
        Stop();
        Server.Promises.CheckInvariants();
        Directory.Delete(Folder, recursive: true);
    }

    private ViceServer Start()
    {
        var server = new ViceServer(_options, new ViceParts
        {
            Metadata = Hooks = new HookedStore(Metadata),
            Disk = Disk,
            OpenContents = room => FileContentStore.Begin(Disk, room, _disks),
            Time = Time,
            Random = new Random(42),
            Disks = _disks,
            WakeCommitter = _commits.Wake,
            Callbacks = channel => (FakeVenus)channel,
            Log = _log,
        });
        _commits.Start(server.Committer, e => _log.LogCritical(e, "The writer failed"));
        return server;
    }

    private void Stop()
    {
        _commits.Dispose();
        Metadata.Dispose();
    }

    private IMetadataStore OpenStore() =>
        _kind == StoreKind.Memory ? _memory : SqliteMetadataStore.Open(DatabasePath);
}

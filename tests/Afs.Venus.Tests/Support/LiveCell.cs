using System.Net.Sockets;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Vice.Hosting;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>The real Vice in this process on a Unix socket, and real Venus caches that connect to it.</summary>
internal sealed class LiveCell : IAsyncDisposable
{
    private readonly MemoryMetadataStore _metadata = new();
    private readonly BootTimeProvider _time = new();
    private CommitThread _commits = null!;
    private RpcServer _rpc = null!;

    private LiveCell(string folder) => Folder = folder;

    public string Folder { get; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    public MemoryMetadataStore Metadata => _metadata;

    private RpcEndpoint Endpoint => RpcEndpoint.Parse($"unix:{Path.Combine(Folder, "s")}");

    public static async Task<LiveCell> StartAsync(TimeSpan? lease = null)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"vl-{Guid.NewGuid():N}"[..12]);
        Directory.CreateDirectory(Path.Combine(folder, "vice"));
        var cell = new LiveCell(folder) { Lease = lease ?? TimeSpan.FromSeconds(10) };
        await cell.StartServerAsync();
        return cell;
    }

    public async Task StartServerAsync()
    {
        _commits = new CommitThread(callersCommit: true);
        var disk = new LinuxDisk(Path.Combine(Folder, "vice"));
        var vice = new ViceServer(new ViceOptions { Lease = Lease }, new ViceParts
        {
            Metadata = _metadata,
            Disk = disk,
            OpenContents = room => FileContentStore.Begin(disk, room, DiskThreads.Inline),
            Time = _time,
            Random = new Random(1),
            Disks = DiskThreads.Inline,
            WakeCommitter = _commits.Wake,
            Callbacks = static channel => new VenusCallbacksClient(channel),
            Log = NullLogger.Instance,
        });
        _commits.Start(vice.Committer, static e => Assert.Fail(e.ToString()));
        _rpc = new RpcServer(new RpcServerOptions
        {
            Transport = new SocketTransport(),
            Endpoints = [Endpoint],
            Scopes = [vice.ToScope("root")],
            SessionKey = new byte[32],
            Time = _time,
            Random = new Random(2),
        });
        await _rpc.StartAsync(default);
    }

    public async Task StopServerAsync()
    {
        await _rpc.StopAsync(TimeSpan.Zero);
        _commits.Dispose();
        File.Delete(Path.Combine(Folder, "s"));
    }

    /// <summary>A line to the server with so many bytes per second each way.</summary>
    public SlowLink LinkTo(int bytesPerSecond) => new(new UnixDomainSocketEndPoint(Path.Combine(Folder, "s")), bytesPerSecond);

    public async Task<LiveClient> ConnectAsync(string name, SlowLink? link = null, CacheOptions? options = null)
    {
        RpcEndpoint endpoint = link is null ? Endpoint : RpcEndpoint.Parse(link.Address.ToString());
        Result<VenusCache> opened = await VenusCache.OpenAsync(
            Path.Combine(Folder, name), endpoint, new SocketTransport(), options ?? new CacheOptions(), [], _time, new Random(name.GetHashCode(StringComparison.Ordinal)),
            NullLogger.Instance, default);
        Assert.Equal(Failure.None, opened.Failure);
        return new LiveClient(opened.Value);
    }

    public async ValueTask DisposeAsync()
    {
        await StopServerAsync();
        Directory.Delete(Folder, recursive: true);
    }
}

using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>
/// A cache manager on a real cache directory, over a real connection: what the daemon opens and closes. Dispose stores what is dirty, for a bounded
/// time, and gives the directory free.
/// </summary>
public sealed class VenusCache : IAsyncDisposable
{
    private readonly CacheFolder _folder;
    private bool _isDisposed;

    private VenusCache(CacheFolder folder, ViceConnection server, CacheManager manager) => (_folder, Server, Manager) = (folder, server, manager);

    public CacheManager Manager { get; }

    /// <summary>For "venus status": the lease, and why there is no connection.</summary>
    public ViceConnection Server { get; }

    /// <summary>Takes the directory, connects, finds the volume.</summary>
    /// <param name="open">Containers that the kernel has open since before this daemon.</param>
    /// <param name="told">Where it fails: gets the reason why there is no connection; null where there is one.</param>
    /// <exception cref="CacheFolderException">The directory is in use by another daemon, or can't be used; the message says so.</exception>
    /// <exception cref="RpcRefusedException">The server refuses this client.</exception>
    /// <returns>The failure: there is no server within the time of a call, or it has no such volume.</returns>
    public static async Task<Result<VenusCache>> OpenAsync(
        string folder, RpcEndpoint server, ITransport transport, CacheOptions options, IReadOnlyList<HeldContainer> open, TimeProvider time,
        Random random, ILogger log, CancellationToken cancellation, Action<string?>? told = null)
    {
        CacheFolder held = CacheFolder.Open(folder, open, time, log);
        CacheManager? manager = null;
        try
        {
            var connection = new ViceConnection(new ViceConnectionOptions
            {
                Server = server,
                Transport = transport,
                VolumeName = options.VolumeName,
                ClientId = ClientIdFile.LoadOrMake(held.Storage.Disk, random),
                Time = time,
                Random = random,
                Log = log,
            });
            manager = new CacheManager(options, held.Storage, connection, time, random, log);
            Failure failure = await StartAsync(manager, connection, cancellation);
            if (failure.IsNone)
                return new VenusCache(held, connection, manager);
            told?.Invoke(connection.Trouble);
            await manager.AbandonAsync();
            held.Dispose();
            return failure;
        }
        catch (Exception e)
        {
            if (manager is not null)
                await manager.AbandonAsync();
            held.Dispose();
            if (e is DiskException)
                throw new CacheFolderException($"The cache directory {folder} can't be used: {e.Message}", e);
            throw;
        }
    }

    /// <summary>A server that refuses this client is not waited for.</summary>
    private static async Task<Failure> StartAsync(CacheManager manager, ViceConnection connection, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<Failure> starting = manager.StartAsync(either.Token);
        Task connected = connection.WaitConnectedAsync(either.Token);
        if (await Task.WhenAny(starting, connected) == connected && connected.IsFaulted)
            either.Cancel();
        Failure failure = await starting;
        either.Cancel();
        if (!failure.IsNone && connected.IsFaulted)
            await connected;
        return failure;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await Manager.DisposeAsync();
        if (Manager.IsIndexWhole)
            _folder.MarkCleanEnd();
        _folder.Dispose();
    }
}

using Afs.Rpc;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Shared.Tests.Rpc;

/// <summary>A server with its store, and clients of it, over any transport.</summary>
public sealed class Cell(ITransport serverTransport, TimeProvider time, int seed) : IAsyncDisposable
{
    public const string Scope = "counters";

    private readonly Random _random = new(seed);
    private readonly List<RpcClient> _clients = [];

    public byte[] SessionKey { get; } = [.. Enumerable.Range(0, 32).Select(static i => (byte)i)];

    public DurableStore Store { get; } = new();

    public CounterService Service { get; private set; } = null!;

    public RecordingSessions Sessions { get; private set; } = null!;

    public RpcServer Server { get; private set; } = null!;

    public RpcTimings Timings { get; init; } = new();

    public RpcLimits ServerLimits { get; init; } = new();

    public RpcLimits ClientLimits { get; init; } = new();

    public ILogger ClientLog { get; init; } = NullLogger.Instance;

    public TimeSpan Pause { get; init; }

    public IBulkHandler? Bulk { get; set; }

    /// <summary>What the server has beside its counters.</summary>
    public IReadOnlyList<RpcScope> Others { get; set; } = [];

    /// <summary>One life of the server.</summary>
    public async Task StartServerAsync(params RpcEndpoint[] endpoints)
    {
        Service = new CounterService(Store, time) { Pause = Pause };
        Sessions = new RecordingSessions(Store);
        Server = new RpcServer(new RpcServerOptions
        {
            Transport = serverTransport,
            Endpoints = endpoints,
            Scopes = [new RpcScope { Name = Scope, Dispatcher = new CounterServiceDispatcher(Service), Sessions = Sessions, Replies = Store, Bulk = Bulk }, .. Others],
            SessionKey = SessionKey,
            Time = time,
            Random = new Random(_random.Next()),
            Timings = Timings,
            Limits = ServerLimits,
        });
        await Server.StartAsync(CancellationToken.None);
    }

    public (RpcClient Client, CounterServiceClient Stub, RecordingClient Owner) AddClient(ITransport transport, RpcEndpoint server, string scope = Scope)
    {
        var owner = new RecordingClient();
        var client = new RpcClient(new RpcClientOptions
        {
            Transport = transport,
            Server = server,
            ClientId = new ClientId(1, (ulong)_clients.Count + 1),
            Scope = scope,
            Session = owner,
            Callbacks = new NotifyServiceDispatcher(owner),
            Time = time,
            Random = new Random(_random.Next()),
            Timings = Timings,
            Limits = ClientLimits,
            Log = ClientLog,
        });
        _clients.Add(client);
        client.Start();
        return (client, new CounterServiceClient(client), owner);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RpcClient client in _clients)
            await client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

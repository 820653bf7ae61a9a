using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Bench.Vice;

/// <summary>A client of one server that caches nothing and acknowledges every break.</summary>
internal sealed class LoadClient : IClientSession, IVenusCallbacks, IAsyncDisposable
{
    private readonly RpcClient _rpc;
    private bool _isConnected;

    public LoadClient(RpcEndpoint server)
    {
        _rpc = new RpcClient(new RpcClientOptions
        {
            Transport = new SocketTransport(),
            Server = server,
            ClientId = new ClientId((ulong)Random.Shared.NextInt64(), (ulong)Random.Shared.NextInt64()),
            Scope = "root",
            Session = this,
            Callbacks = new VenusCallbacksDispatcher(this),
            Time = new BootTimeProvider(),
            Random = new Random(),
        });
        Vice = new ViceServiceClient(_rpc);
        _rpc.Start();
    }

    public ViceServiceClient Vice { get; }

    public IBulkChannel Bulk => _rpc;

    /// <summary>It has been connected and has a session.</summary>
    public bool IsConnected => Volatile.Read(ref _isConnected);

    public async Task ConnectAsync(CancellationToken cancellation)
    {
        await _rpc.WaitConnectedAsync(cancellation);
        Volatile.Write(ref _isConnected, true);
    }

    public async Task<Fid> RootAsync() => (await Vice.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, default)).Value.Root;

    public async Task<Fid> CreateAsync(Fid parent, string name, FileType type)
    {
        Outcome<CreateReply> outcome = await Vice.CreateAsync(
            new CreateRequest
            {
                Parent = parent,
                Name = Encoding.UTF8.GetBytes(name),
                Type = type,
                Mode = 0x1ED,
                Uid = 0,
                Gid = 0,
                Time = new Timestamp(1_800_000_000, 0),
            },
            default);
        return outcome.IsReply ? outcome.Value.Status.Fid : throw new InvalidOperationException($"create {name}: {outcome.Kind} {outcome.Abort}");
    }

    /// <summary>Fetches a file's content, which must be small, and a promise with it.</summary>
    public async Task ReadAsync(Fid fid)
    {
        Outcome<FetchDataReply> outcome = await Vice.FetchDataAsync(new FetchDataRequest { Fid = fid }, default);
        if (!outcome.IsReply || outcome.Value.Content is null)
            throw new InvalidOperationException($"fetch {fid}: {outcome.Kind} {outcome.Abort}");
    }

    /// <summary>Fetches statuses, and a promise with each.</summary>
    public async Task PromiseAsync(IReadOnlyList<Fid> fids)
    {
        Outcome<FetchStatusReply> outcome = await Vice.FetchStatusAsync(new FetchStatusRequest { Fids = fids }, default);
        if (!outcome.IsReply)
            throw new InvalidOperationException($"statuses: {outcome.Kind} {outcome.Abort}");
    }

    /// <returns>The version that the file has then.</returns>
    public async Task<DataVersion> StoreAsync(StoreDataRequest request)
    {
        Outcome<StoreDataReply> outcome = await Vice.StoreDataAsync(request, default);
        return outcome.IsReply
            ? outcome.Value.Status.DataVersion
            : throw new InvalidOperationException($"store {request.Fid}: {outcome.Kind} {outcome.Abort}");
    }

    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context) =>
        ValueTask.FromResult(Outcome<BreakPromisesReply>.Reply(new BreakPromisesReply()));

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) =>
        ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());

    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp)
    {
    }

    public void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust)
    {
    }

    public void Disconnected(string reason)
    {
    }

    public ValueTask DisposeAsync() => _rpc.DisposeAsync();
}

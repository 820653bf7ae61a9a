using System.Text.Json;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Servers;

/// <summary>
/// One volume of a file server over the Rpc library: the session, the calls both ways, the content, and the lease that probes keep alive.
/// </summary>
public sealed partial class ViceConnection : IViceServer, IClientSession
{
    /// <summary>What a figure of each operation is called.</summary>
    private static readonly (int Number, string Name)[] CallFigures =
        [.. ViceServiceDispatcher.AllOperations.Select(static operation => (operation.Number, "calls." + JsonNamingPolicy.KebabCaseLower.ConvertName(operation.Name)))];

    /// <summary>Before the server has said its lease.</summary>
    private static readonly TimeSpan FirstBeat = TimeSpan.FromSeconds(1);

    private readonly ViceConnectionOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly VenusCallbacksRelay _callbacks = new();
    private readonly PeerWarnings _warnings;
    private readonly RpcClient _client;
    private Task _probing = Task.CompletedTask;

    public ViceConnection(ViceConnectionOptions options)
    {
        _options = options;
        _warnings = new PeerWarnings(options.Time);
        Trust = new ServerTrust(options.Time);
        _client = new RpcClient(new RpcClientOptions
        {
            Transport = options.Transport,
            Server = options.Server,
            ClientId = options.ClientId,
            Scope = options.VolumeName,
            Session = options.Session(this),
            Callbacks = new VenusCallbacksDispatcher(_callbacks),
            Time = options.Time,
            Random = new Random(options.Random.Next()),
            Log = options.Log,
            Timings = options.Timings,
        });
        Vice = new ViceServiceClient(_client);
        Content = new BulkContentTransfer(_client);
    }

    public IViceService Vice { get; }

    public IContentTransfer Content { get; }

    public ServerTrust Trust { get; }

    public string Name => _options.Server.ToString()!;

    public IEnumerable<Figure> Calls => CallFigures.Select(call => new Figure { Name = call.Name, Value = _client.Statistics.CallsMade(call.Number) });

    /// <summary>Why there is no connection at this moment; null where there is one.</summary>
    public string? Trouble => _client.Trouble;

    public void Start(IVenusCallbacks callbacks)
    {
        _callbacks.Attach(callbacks);
        _client.Start();
        _probing = BackgroundWork.Watch("probing the server", ProbeAsync());
    }

    /// <summary>Waits for the first connection.</summary>
    /// <exception cref="RpcRefusedException">The server refuses this client; the message says why.</exception>
    public Task WaitConnectedAsync(CancellationToken cancellation) => _client.WaitConnectedAsync(cancellation);

    /// <summary>Throws where the calls under way are inconsistent; for tests and simulation.</summary>
    public void CheckInvariants() => _client.CheckInvariants();

    void IClientSession.Replied(Epoch epoch, SessionTrust trust, long sentTimestamp) => Trust.Replied(epoch, trust, sentTimestamp);

    void IClientSession.Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust)
    {
        if (_warnings.MayTell(Name, nameof(LogEstablished), out string more))
            LogEstablished(_options.Log, _options.Server, session, epoch, isNewSession, more);
        Trust.Established(session, epoch, lease, trust);
    }

    void IClientSession.Disconnected(string reason)
    {
        if (_warnings.MayTell(Name, nameof(LogDisconnected), out string more))
            LogDisconnected(_options.Log, _options.Server, reason, more);
    }

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        await _client.DisposeAsync();
        await _probing;
        _stopping.Dispose();
    }

    /// <summary>
    /// Probes three times in a lease, and notices its end at the moment it comes: the kernel trusts what it caches until it is told. A probe
    /// that gets no answer holds up neither.
    /// </summary>
    private async Task ProbeAsync()
    {
        Task probe = Task.CompletedTask;
        try
        {
            while (true)
            {
                TimeSpan beat = Trust.Lease > TimeSpan.Zero ? Trust.Lease / 3 : FirstBeat;
                if (probe.IsCompleted)
                    probe = ProbeOnceAsync(beat);
                // Task.Delay counts in whole milliseconds and would wait too short.
                TimeSpan left = Trust.LeaseLeft;
                TimeSpan wait = left > TimeSpan.Zero && left < beat ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : beat;
                await Task.Delay(wait, _options.Time, _stopping.Token);
                Trust.NoticeLeaseEnd();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            await probe;
        }
    }

    /// <summary>Its reply renews the lease, by <see cref="IClientSession.Replied"/>; without one nothing is to be done.</summary>
    private async Task ProbeOnceAsync(TimeSpan deadline) =>
        await Vice.ProbeAsync(new ProbeRequest(), new CallContext { Deadline = deadline, Cancellation = _stopping.Token });

    [LoggerMessage(EventId = 300, Level = LogLevel.Information, Message = "{Server}: session {Session}, epoch {Epoch}, new: {IsNew}{More}")]
    private static partial void LogEstablished(ILogger log, RpcEndpoint server, SessionId session, Epoch epoch, bool isNew, string more);

    [LoggerMessage(EventId = 301, Level = LogLevel.Warning, Message = "{Server}: no connection: {Reason}{More}")]
    private static partial void LogDisconnected(ILogger log, RpcEndpoint server, string reason, string more);
}

/// <summary>What a connection to a file server is made of.</summary>
public sealed record ViceConnectionOptions
{
    public required RpcEndpoint Server { get; init; }

    public required ITransport Transport { get; init; }

    /// <summary>The volume that is asked of it. Each has a session of its own.</summary>
    public required string VolumeName { get; init; }

    /// <summary>Of the cache directory, for ever.</summary>
    public required ClientId ClientId { get; init; }

    /// <summary>Counts the lease: boot time on a real machine.</summary>
    public required TimeProvider Time { get; init; }

    public required Random Random { get; init; }

    public required ILogger Log { get; init; }

    public RpcTimings Timings { get; init; } = new();

    /// <summary>What stands between the session and the trust that rests on it; a simulation plants errors there.</summary>
    internal Func<IClientSession, IClientSession> Session { get; init; } = static session => session;
}

/// <summary>One file server, as the cache sees it: calls, content, and whether its promises may be believed.</summary>
public interface IViceServer : IAsyncDisposable
{
    IViceService Vice { get; }

    IContentTransfer Content { get; }

    ServerTrust Trust { get; }

    /// <summary>How it is shown to people.</summary>
    string Name => "the server";

    /// <summary>How many calls were made so far, by operation; each once, however often it was sent.</summary>
    IEnumerable<Figure> Calls => [];

    /// <summary>Connects, in the background, for ever; the server's calls go to <paramref name="callbacks"/>.</summary>
    void Start(IVenusCallbacks callbacks);
}

/// <summary>The server's calls, to a cache that is made after its connection. Before there is one nothing is promised, and so nothing can be broken.</summary>
internal sealed class VenusCallbacksRelay : IVenusCallbacks
{
    private IVenusCallbacks? _target;

    public void Attach(IVenusCallbacks target) => Volatile.Write(ref _target, target);

    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context) =>
        Volatile.Read(ref _target)?.BreakPromisesAsync(request, context) ?? ValueTask.FromResult<Outcome<BreakPromisesReply>>(new BreakPromisesReply());

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) =>
        Volatile.Read(ref _target)?.LocksDecidedAsync(request, context) ?? ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());
}

using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Servers;

/// <summary>
/// One file server over the Rpc library: the session, the calls both ways, the content, and the lease that probes keep alive.
/// </summary>
public sealed partial class ViceConnection : IViceServer, IClientSession
{
    /// <summary>Before the server has said its lease.</summary>
    private static readonly TimeSpan FirstBeat = TimeSpan.FromSeconds(1);

    private readonly ViceConnectionOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly VenusCallbacksRelay _callbacks = new();
    private readonly RpcClient _client;
    private Task _probing = Task.CompletedTask;
    private string? _trouble;

    public ViceConnection(ViceConnectionOptions options)
    {
        _options = options;
        Trust = new ServerTrust(options.Time);
        _client = new RpcClient(new RpcClientOptions
        {
            Transport = options.Transport,
            Server = options.Server,
            ClientId = options.ClientId,
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

    /// <summary>Why there is no connection at this moment; null where there is one.</summary>
    public string? Trouble => Volatile.Read(ref _trouble);

    public void Start(IVenusCallbacks callbacks)
    {
        _callbacks.Attach(callbacks);
        _client.Start();
        _probing = ProbeAsync();
    }

    /// <summary>Waits for the first connection.</summary>
    /// <exception cref="RpcRefusedException">The server refuses this client; the message says why.</exception>
    public Task WaitConnectedAsync(CancellationToken cancellation) => _client.WaitConnectedAsync(cancellation);

    /// <summary>Throws where the calls under way are inconsistent; for tests and simulation.</summary>
    public void CheckInvariants() => _client.CheckInvariants();

    void IClientSession.Replied(Epoch epoch, ulong resetCount, long sentTimestamp) => Trust.Replied(epoch, resetCount, sentTimestamp);

    void IClientSession.Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, ulong resetCount)
    {
        Volatile.Write(ref _trouble, null);
        LogEstablished(_options.Log, _options.Server, session, epoch, isNewSession);
        Trust.Established(session, epoch, lease, resetCount);
    }

    void IClientSession.Disconnected(string reason)
    {
        Volatile.Write(ref _trouble, reason);
        LogDisconnected(_options.Log, _options.Server, reason);
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

    [LoggerMessage(EventId = 300, Level = LogLevel.Information, Message = "{Server}: session {Session}, epoch {Epoch}, new: {IsNew}")]
    private static partial void LogEstablished(ILogger log, RpcEndpoint server, SessionId session, Epoch epoch, bool isNew);

    [LoggerMessage(EventId = 301, Level = LogLevel.Warning, Message = "{Server}: no connection: {Reason}")]
    private static partial void LogDisconnected(ILogger log, RpcEndpoint server, string reason);
}

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Rpc;

/// <summary>
/// One client's way to one server. Calls wait for a connection, survive reconnects under the same number, and end at their deadline at
/// the latest. Safe for concurrent use.
/// </summary>
public sealed class RpcClient : IRpcChannel, IBulkChannel, IAsyncDisposable
{
    private readonly RpcClientOptions _options;
    private readonly OutgoingCalls _calls;
    private readonly CallMaker _maker;
    private readonly ClientLink _link;
    private readonly BulkClient _bulk;

    public RpcClient(RpcClientOptions options)
    {
        _options = options;
        _calls = new OutgoingCalls(options.Time, Fork(options.Random), options.Timings, options.Limits, options.Statistics);
        _maker = new CallMaker(_calls, options.Time, options.Timings, options.Statistics);
        _link = new ClientLink(options, _calls, Fork(options.Random));
        _bulk = new BulkClient(options, _calls, _link, Fork(options.Random));
    }

    public RpcStatistics Statistics => _options.Statistics;

    /// <summary>Why there is no connection, for people; null where there is one, or before the first attempt ended.</summary>
    public string? Trouble => _link.Trouble;

    /// <summary>Connects, and reconnects for ever, in the background.</summary>
    public void Start() => _link.Start();

    /// <summary>Waits until there is a connection. Calls needn't: they wait by themselves.</summary>
    /// <exception cref="RpcRefusedException">The server refuses this client, e.g. for its protocol version. The client goes on trying.</exception>
    public Task WaitConnectedAsync(CancellationToken cancellation) => _link.WhenConnectedAsync().WaitAsync(cancellation);

    /// <summary>Ends the connection of this moment and makes another, e.g. when the machine woke up from suspend.</summary>
    public void Reconnect(string reason) => _link.Drop(reason);

    /// <inheritdoc/>
    public ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply> => _maker.CallAsync<TRequest, TReply>(operation, isMutation, request, context);

    /// <inheritdoc/>
    public ValueTask<Outcome<long>> DownloadAsync(
        ReadOnlyMemory<byte> request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context) =>
        _bulk.DownloadAsync(request, write, context);

    /// <inheritdoc/>
    public ValueTask<Outcome<ReadOnlyMemory<byte>>> UploadAsync(
        ReadOnlyMemory<byte> request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context) =>
        _bulk.UploadAsync(request, lengthBytes, read, context);

    /// <summary>Throws where the calls under way, to the server or from it, are inconsistent; for tests and simulation.</summary>
    public void CheckInvariants()
    {
        _calls.CheckInvariants();
        _link.CheckInvariants();
    }

    /// <summary>Ends the connection; calls that still wait end as in doubt or not executed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _link.StopAsync();
        _calls.Dispose();
        await _bulk.DisposeAsync();
    }

    private static Random Fork(Random random) => new(random.Next());
}

/// <summary>What a client is made of.</summary>
public sealed record RpcClientOptions
{
    public required ITransport Transport { get; init; }

    public required RpcEndpoint Server { get; init; }

    public required ClientId ClientId { get; init; }

    /// <summary>Which of the server's scopes, by the name of <see cref="RpcScope"/>.</summary>
    public required string Scope { get; init; }

    public required IClientSession Session { get; init; }

    /// <summary>
    /// Answers the server's calls; null: this client takes none. The synchronous part of each runs on the connection's reader, in the
    /// order of arrival with <see cref="IClientSession"/>'s callbacks, and must not wait.
    /// </summary>
    public IRpcDispatcher? Callbacks { get; init; }

    /// <summary>Counts leases and deadlines: on a real machine, boot time.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Its numbers decide back-offs only. Not shared with other threads after this.</summary>
    public required Random Random { get; init; }

    public ILogger Log { get; init; } = NullLogger.Instance;

    public RpcTimings Timings { get; init; } = new();

    public RpcLimits Limits { get; init; } = new();

    public RpcStatistics Statistics { get; init; } = new();
}

/// <summary>The server refuses this client. The message is for the user; for a version mismatch it names both versions.</summary>
public sealed class RpcRefusedException(RefusalReason reason, string message) : IOException(message)
{
    public RefusalReason Reason { get; } = reason;
}

/// <summary>Tells what the caller's own reading or writing threw from what the connection threw: the first goes to the caller, the second is retried.</summary>
internal sealed class CallerFault
{
    private Exception? _caught;

    public bool Is(Exception e) => ReferenceEquals(e, _caught);

    public async ValueTask GuardAsync(Func<ValueTask> work)
    {
        try
        {
            await work();
        }
        catch (Exception e)
        {
            _caught = e;
            throw;
        }
    }

    public async ValueTask<T> GuardAsync<T>(Func<ValueTask<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e)
        {
            _caught = e;
            throw;
        }
    }
}

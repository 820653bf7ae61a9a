using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

/// <summary>Gives what happens to those who look. Bounded: so many look at a time, and one that reads too slowly loses the oldest.</summary>
public sealed class ActivityFeed
{
    public const int MostReaders = 8;
    private const int MostWaiting = 256;

    private readonly Lock _lock = new();
    private Channel<Activity>[] _readers = [];

    public void Publish(Activity activity)
    {
        foreach (Channel<Activity> reader in Volatile.Read(ref _readers))
            reader.Writer.TryWrite(activity);
    }

    public bool HasReaders => Volatile.Read(ref _readers).Length > 0;

    /// <summary>Null: too many look already. Give it back by <see cref="Remove"/>.</summary>
    public Channel<Activity>? TryAdd()
    {
        lock (_lock)
        {
            if (_readers.Length == MostReaders)
                return null;
            var reader = Channel.CreateBounded<Activity>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
            Volatile.Write(ref _readers, [.. _readers, reader]);
            return reader;
        }
    }

    public void Remove(Channel<Activity> reader)
    {
        lock (_lock)
            Volatile.Write(ref _readers, [.. _readers.Where(other => other != reader)]);
    }
}

/// <summary>Something that the server has just done, for the live page.</summary>
/// <param name="Kind">store, overwrite, create, remove, rename, link, batch, break, recall or lock recall.</param>
/// <param name="Client">Which client asked; of a break or a recall, null.</param>
/// <param name="Uid">For which of its users, as its kernel says; null: for nobody, or not known.</param>
/// <param name="Subject">The fid or the name that it was about. Text from clients: to be shown as text only.</param>
public sealed record Activity(DateTimeOffset Time, string Kind, string? Client, uint? Uid, string Subject, long? Bytes, ulong? Version, double Milliseconds);

/// <summary>What is noted of a server that somebody looks at. It stands between the network and the service, so that a server without a look pays nothing.</summary>
public sealed class Observation : IDisposable
{
    private const int MostClients = 4096;

    private readonly ConcurrentDictionary<ClientId, string> _addresses = new();

    public CallLatencies Calls { get; } = new("vice", "calls.served", "How long calls of clients took, waits for breaks included, by operation.");

    public CallLatencies Breaks { get; } = new("vice", "breaks.acknowledged", "How long clients took to acknowledge breaks.");

    public ActivityFeed Feed { get; } = new();

    public IViceService Observe(IViceService service) => new ObservedService(service, this);

    public IVenusCallbacks Observe(IVenusCallbacks callbacks) => new ObservedCallbacks(callbacks, this);

    /// <summary>Where a client last called from; null where it isn't known.</summary>
    public string? AddressOf(ClientId client) => _addresses.GetValueOrDefault(client);

    public void Called(string operation, CallContext context, TimeSpan duration)
    {
        Calls.Record(operation, duration);
        if (context.Peer is { } peer && (_addresses.Count < MostClients || _addresses.ContainsKey(context.Id.Client)))
            _addresses[context.Id.Client] = peer;
    }

    /// <param name="client">Null: the server itself.</param>
    public void Tell(string kind, ClientId? client, uint? uid, string subject, long? bytes, ulong? version, TimeSpan duration)
    {
        if (Feed.HasReaders)
            Feed.Publish(new Activity(DateTimeOffset.UtcNow, kind, client?.ToString(), uid, subject, bytes, version, duration.TotalMilliseconds));
    }

    public static string Text(byte[]? name) => name is null ? "" : Encoding.UTF8.GetString(name);

    public void Dispose()
    {
        Calls.Dispose();
        Breaks.Dispose();
    }
}

/// <summary>The service, with the time of each call taken and changes told. It changes nothing of what is asked and answered.</summary>
internal sealed class ObservedService(IViceService inner, Observation seen) : IViceService
{
    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) =>
        RunAsync("Probe", request, context, inner.ProbeAsync);

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) =>
        RunAsync("GetVolume", request, context, inner.GetVolumeAsync);

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) =>
        RunAsync("GetVolumeStatus", request, context, inner.GetVolumeStatusAsync);

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) =>
        RunAsync("GetServerStatus", request, context, inner.GetServerStatusAsync);

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) =>
        RunAsync("GiveUpPromises", request, context, inner.GiveUpPromisesAsync);

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        RunAsync("FetchStatus", request, context, inner.FetchStatusAsync);

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) =>
        RunAsync("FetchDirectory", request, context, inner.FetchDirectoryAsync);

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) =>
        RunAsync("FetchData", request, context, inner.FetchDataAsync);

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        RunAsync("FetchXattrs", request, context, inner.FetchXattrsAsync);

    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        RunAsync("Validate", request, context, inner.ValidateAsync);

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) =>
        RunAsync("Create", request, context, inner.CreateAsync,
            (request, reply) => new Told("create", Observation.Text(request.Name), null, reply.Status.DataVersion.Value));

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) =>
        RunAsync("Remove", request, context, inner.RemoveAsync,
            (request, _) => new Told("remove", Observation.Text(request.Name)));

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) =>
        RunAsync("Rename", request, context, inner.RenameAsync,
            (request, _) => new Told("rename", $"{Observation.Text(request.FromName)} -> {Observation.Text(request.ToName)}"));

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) =>
        RunAsync("Link", request, context, inner.LinkAsync,
            (request, _) => new Told("link", Observation.Text(request.Name)));

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) =>
        RunAsync("StoreData", request, context, inner.StoreDataAsync,
            (request, reply) => new Told(reply.ReplacedUnseen ? "overwrite" : "store", request.Fid.ToString(), request.LengthBytes, reply.Status.DataVersion.Value));

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) =>
        RunAsync("StoreStatus", request, context, inner.StoreStatusAsync);

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) =>
        RunAsync("StoreXattr", request, context, inner.StoreXattrAsync);

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) =>
        RunAsync("ReleaseUnnamed", request, context, inner.ReleaseUnnamedAsync);

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context) =>
        RunAsync("LeaseVnodes", request, context, inner.LeaseVnodesAsync);

    public ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context) =>
        RunAsync("ApplyBatch", request, context, inner.ApplyBatchAsync,
            (request, _) => new Told("batch", $"batch {request.Number} of {request.Operations.Count} changes"));

    public ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context) =>
        RunAsync("AcquireTokens", request, context, inner.AcquireTokensAsync);

    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context) =>
        RunAsync("ReturnTokens", request, context, inner.ReturnTokensAsync);

    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        RunAsync("EndSession", request, context, inner.EndSessionAsync);

    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) =>
        RunAsync("SetLock", request, context, inner.SetLockAsync);

    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) =>
        RunAsync("WithdrawLock", request, context, inner.WithdrawLockAsync);

    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) =>
        RunAsync("ReturnLocks", request, context, inner.ReturnLocksAsync);

    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) =>
        RunAsync("ReclaimLocks", request, context, inner.ReclaimLocksAsync);

    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) =>
        RunAsync("GetLocks", request, context, inner.GetLocksAsync);

    private async ValueTask<Outcome<TReply>> RunAsync<TRequest, TReply>(
        string operation, TRequest request, CallContext context, Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call,
        Func<TRequest, TReply, Told>? tell = null)
    {
        long begun = Stopwatch.GetTimestamp();
        Outcome<TReply> outcome = await call(request, context);
        TimeSpan duration = Stopwatch.GetElapsedTime(begun);
        seen.Called(operation, context, duration);
        if (tell is not null && outcome.IsReply)
        {
            Told told = tell(request, outcome.Value);
            seen.Tell(told.Kind, context.Id.Client, KernelCallers.UidOf(context.Caller), told.Subject, told.Bytes, told.Version, duration);
        }
        return outcome;
    }

    private readonly record struct Told(string Kind, string Subject, long? Bytes = null, ulong? Version = null);
}

/// <summary>Breaks on their way to a client.</summary>
internal sealed class ObservedCallbacks(IVenusCallbacks inner, Observation seen) : IVenusCallbacks
{
    public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        long begun = Stopwatch.GetTimestamp();
        Outcome<BreakPromisesReply> outcome = await inner.BreakPromisesAsync(request, context);
        TimeSpan duration = Stopwatch.GetElapsedTime(begun);
        if (!outcome.IsReply)
            return outcome;
        seen.Breaks.Record("BreakPromises", duration);
        if (request.Recalls.Count > 0)
            seen.Tell("recall", null, null, Subject(request.Recalls), null, null, duration);
        if (request.LockRecalls.Count > 0)
            seen.Tell("lock recall", null, null, Subject([.. request.LockRecalls.Select(static one => one.Fid)]), null, null, duration);
        if (request.Breaks.Count == 0 && request.Volumes.Count == 0)
            return outcome;
        string subject = request.Volumes.Count > 0 ? "everything" : Subject([.. request.Breaks.Select(static one => one.Fid)]);
        seen.Tell("break", null, null, subject, null, null, duration);
        return outcome;
    }

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) => inner.LocksDecidedAsync(request, context);

    private static string Subject(IReadOnlyList<Fid> fids)
    {
        const int Shown = 4;
        string first = string.Join(' ', fids.Take(Shown));
        return fids.Count > Shown ? $"{first} and {fids.Count - Shown} more" : first;
    }
}

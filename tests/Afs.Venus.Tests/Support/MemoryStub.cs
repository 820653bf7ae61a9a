using Afs.Rpc;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What the Rpc library does between client and service, in process: contact, replies to the trust, cuts, and a test's hooks.</summary>
internal sealed class MemoryStub(MemoryVice owner, MemoryCalls service, TimeProvider time) : IViceService, IContentTransfer
{
    /// <summary>Calls that reached the server, by name.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>For whom the last content was stored.</summary>
    public CallerNumber StoredFor { get; private set; }

    /// <summary>No call gets through; one under way stays in doubt.</summary>
    public bool IsCut { get; set; }

    /// <summary>Before a call runs at the server.</summary>
    public Func<string, Task>? Before { get; set; }

    /// <summary>After it ran, before its reply arrives.</summary>
    public Func<string, Task>? After { get; set; }

    /// <summary>Before each chunk of a download, with its offset in the content.</summary>
    public Func<long, Task>? BeforeChunk { get; set; }

    /// <summary>The next download breaks off there, once.</summary>
    public long? BreakDownloadAt { get; set; }

    /// <summary>Statuses that fit one reply.</summary>
    public int MostStatuses { get; set; } = Limits.StatusesPerCall;

    /// <summary>Answers for the directories of the volume, as no correct server would; null: the volume does.</summary>
    public Func<FetchDirectoryRequest, FetchDirectoryReply>? Listing { get; set; }

    /// <summary>Replies as no correct server would give: gets each that the volume gave, and returns it or another of its kind.</summary>
    public Func<object, object>? Forge { get; set; }

    /// <summary>Changes what is downloaded.</summary>
    public Func<byte[], byte[]>? Damage { get; set; }

    public int CountOf(string name)
    {
        lock (Calls)
            return Calls.Count(c => c == name);
    }

    public int Count
    {
        get
        {
            lock (Calls)
                return Calls.Count;
        }
    }

    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) => CallAsync("Probe", () => service.Probe());

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) => CallAsync("GetVolume", () => service.GetVolume());

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) =>
        CallAsync("GetVolumeStatus", () => service.GetVolumeStatus());

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) =>
        throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) =>
        CallAsync("GiveUp", () => service.GiveUp(request));

    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        CallAsync("EndSession", () => service.EndSession());

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        CallAsync("FetchStatus", () => service.FetchStatus(request, MostStatuses));

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) =>
        CallAsync("FetchDirectory", () => Listing is { } listing ? Outcome<FetchDirectoryReply>.Reply(listing(request)) : service.FetchDirectory(request));

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) =>
        CallAsync("FetchData", () => service.FetchData(request));

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        CallAsync("FetchXattrs", () => service.FetchXattrs(request));

    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        CallAsync("Validate", () => service.Validate(request));

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) => CallAsync("Create", () => service.CreateAsync(request));

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) => CallAsync("Remove", () => service.RemoveAsync(request));

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => CallAsync("Rename", () => service.RenameAsync(request));

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) => CallAsync("Link", () => service.LinkAsync(request));

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context)
    {
        StoredFor = context.Caller;
        return CallAsync("StoreData", () => service.StoreDataAsync(request));
    }

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) =>
        CallAsync("StoreStatus", () => service.StoreStatusAsync(request));

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) =>
        CallAsync("StoreXattr", () => service.StoreXattrAsync(request));

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) =>
        CallAsync("ReleaseUnnamed", () => service.ReleaseUnnamedAsync(request));

    public ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) => throw new NotSupportedException("The cache doesn't ask it.");

    public async ValueTask<Outcome<long>> DownloadAsync(
        DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context)
    {
        Outcome<byte[]> content = await CallAsync("Download", () => service.Download(request));
        if (!content.IsReply)
            return content.As<long>();
        byte[] bytes = (Damage?.Invoke(content.Value) ?? content.Value)[(int)request.OffsetBytes..];
        const int Chunk = 100_000; // No multiple of a block.
        for (int offset = 0; offset < bytes.Length; offset += Chunk)
        {
            if (BeforeChunk is { } before)
                await before(request.OffsetBytes + offset);
            if (request.OffsetBytes + offset >= BreakDownloadAt)
            {
                BreakDownloadAt = null;
                return Outcome<long>.Unknown;
            }
            await write(offset, bytes.AsMemory(offset, Math.Min(Chunk, bytes.Length - offset)), default);
        }
        return bytes.LongLength;
    }

    public async ValueTask<Outcome<UploadReply>> UploadAsync(
        UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context)
    {
        byte[] bytes = new byte[lengthBytes];
        for (int offset = 0; offset < bytes.Length;)
            offset += await read(offset, bytes.AsMemory(offset, Math.Min(100_000, bytes.Length - offset)), default);
        return await CallAsync("Upload", () => service.Upload(request, bytes));
    }

    private ValueTask<Outcome<T>> CallAsync<T>(string name, Func<Outcome<T>> call) => CallAsync(name, () => ValueTask.FromResult(call()));

    private async ValueTask<Outcome<T>> CallAsync<T>(string name, Func<ValueTask<Outcome<T>>> call)
    {
        if (IsCut)
            return Outcome<T>.NotExecuted;
        long sent = time.GetTimestamp();
        lock (Calls)
            Calls.Add(name);
        if (Before is { } before)
            await before(name);
        if (IsCut)
            return Outcome<T>.NotExecuted;
        Outcome<T> outcome = await call();
        if (Forge is { } forge && outcome.IsReply)
            outcome = (T)forge(outcome.Value!);
        if (After is { } after)
            await after(name);
        if (IsCut)
            return Outcome<T>.Unknown;
        owner.Trust.Replied(new Epoch(owner.Volume.Epoch), owner.SessionTrust, sent);
        return outcome;
    }
}

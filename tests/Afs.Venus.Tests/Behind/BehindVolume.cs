using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>Write-behind of one volume between a server and caches that a test makes up.</summary>
internal sealed class BehindVolume
{
    public BehindVolume(ChangeLog? log = null)
    {
        Log = log ?? Open(Disk, time: Time);
        Behind = new WriteBehind(
            TestChanges.Volume, Server, Caches, Log, new CacheCertainty(Disk, "boot", wasCleanEnd: false, TestChanges.Volume), isOn: true, new WriteBehindOptions { MaxAge = TimeSpan.FromDays(1) },
            new CallTimesOf(new CallTimes(), CancellationToken.None), Time, NullLogger.Instance);
    }

    public TracedDisk Disk { get; } = new();

    public FakeTime Time { get; } = new();

    public ScriptedVice Server { get; } = new();

    public ScriptedCaches Caches { get; } = new();

    public ChangeLog Log { get; }

    public WriteBehind Behind { get; }

    /// <summary>chmod.</summary>
    public async Task<FetchStatus> SetModeAsync(Fid fid)
    {
        var request = new StoreStatusRequest { Fid = fid, Fields = StatusFields.Mode, Mode = 0x180, Uid = 0, Gid = 0, AccessTime = default, ModifyTime = default, ChangeTime = default };
        Outcome<StoreStatusReply> outcome = await Behind.ChangeAsync(LocalChanges.StoreStatus, request, new CallContext());
        Assert.True(outcome.IsReply, $"{outcome.Kind} {outcome.Abort}");
        return outcome.Value.Status;
    }

    public async Task<FetchStatus> CreateAsync(string name)
    {
        var request = new CreateRequest { Parent = Root, Name = Bytes(name), Type = FileType.Regular, Mode = 0x180, Uid = 0, Gid = 0, Time = default };
        Outcome<CreateReply> outcome = await Behind.ChangeAsync(LocalChanges.Create, request, new CallContext());
        Assert.True(outcome.IsReply, $"{outcome.Kind} {outcome.Abort}");
        return outcome.Value.Status;
    }

    /// <summary>A store of a content that was uploaded, which the server does.</summary>
    public Task<Outcome<StoreDataReply>> StoreUploadedAsync(Fid fid)
    {
        var request = new StoreDataRequest { Fid = fid, Base = default, LengthBytes = 100_000, Crc32C = 1, AllocatedBytes = 0, ModifyTime = default, ChangeTime = default, Upload = new UploadId(1) };
        return Behind.ChangeAsync(LocalChanges.StoreData, request, new CallContext()).AsTask();
    }

    public static FetchStatus Status(Fid fid, ulong version) => new()
    {
        Fid = fid,
        Type = fid == Root ? FileType.Directory : FileType.Regular,
        Mode = 0x1ff,
        Uid = 0,
        Gid = 0,
        LengthBytes = 0,
        AllocatedBytes = 0,
        LinkCount = 2,
        DataVersion = new DataVersion(version),
        StatusVersion = new StatusVersion(version),
        AccessTime = default,
        ModifyTime = default,
        ChangeTime = default,
    };

    private static byte[] Bytes(string name) => System.Text.Encoding.UTF8.GetBytes(name);
}

/// <summary>A server that answers as a test says, and notes what it was asked.</summary>
internal sealed class ScriptedVice : IViceService
{
    private readonly Lock _lock = new();
    private readonly List<string> _calls = [];
    private ulong _leased = 1000;

    public string[] Calls
    {
        get
        {
            lock (_lock)
                return [.. _calls];
        }
    }

    public Func<AcquireTokensRequest, Task<Outcome<AcquireTokensReply>>> OnAcquire { get; set; } = static request =>
        Task.FromResult<Outcome<AcquireTokensReply>>(new AcquireTokensReply
        {
            Grants = [.. request.Fids.Select(static fid => new TokenGrant { Outcome = TokenOutcome.Granted, Status = BehindVolume.Status(fid, 1) })],
        });

    public Func<ApplyBatchRequest, Task<Outcome<ApplyBatchReply>>> OnBatch { get; set; } = static _ => Task.FromResult<Outcome<ApplyBatchReply>>(new ApplyBatchReply { Refused = [], HasTokens = true });

    public Func<ReturnTokensRequest, Outcome<ReturnTokensReply>> OnReturn { get; set; } = static _ => new ReturnTokensReply();

    public Func<StoreDataRequest, Task<Outcome<StoreDataReply>>> OnStore { get; set; } = static _ => throw new NotSupportedException();

    public int Count(string call) => Calls.Count(one => one.StartsWith(call, StringComparison.Ordinal));

    public async ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context)
    {
        Note($"{(request.IsReclaim ? "claim" : "acquire")} {string.Join(' ', request.Fids.Select(static fid => fid.Vnode))}");
        return await OnAcquire(request);
    }

    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context)
    {
        Note($"return {string.Join(' ', request.Fids.Select(static fid => fid.Vnode.Value).Order())}");
        return new(OnReturn(request));
    }

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context)
    {
        Note("lease");
        var reply = new LeaseVnodesReply { First = new VnodeNumber(_leased), Uniquifier = new Uniquifier(1), LastBatch = default };
        _leased += (ulong)request.Count;
        return new(reply);
    }

    public async ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context)
    {
        Note($"batch {request.Number}");
        return await OnBatch(request);
    }

    public async ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context)
    {
        Note("store");
        return await OnStore(request);
    }

    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) => throw new NotSupportedException();

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context)
    {
        Note(request.WithStatus ? "list with statuses" : "list");
        return new(Outcome<FetchDirectoryReply>.NotExecuted);
    }

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) => throw new NotSupportedException();
    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) => throw new NotSupportedException();

    private void Note(string call)
    {
        lock (_lock)
            _calls.Add(call);
    }
}

/// <summary>Caches that know no names, and note what is taken out of them.</summary>
internal sealed class ScriptedCaches : ICachesBehind
{
    private readonly Lock _lock = new();
    private readonly List<Fid> _disowned = [];

    public Fid[] Disowned
    {
        get
        {
            lock (_lock)
                return [.. _disowned];
        }
    }

    public bool HasLease { get; set; } = true;

    public LookupAnswer TryLookup(FetchStatus directory, byte[] name, out Fid child, out FileType type)
    {
        (child, type) = (default, FileType.None);
        return LookupAnswer.Absent;
    }

    public bool? HasEntries(FetchStatus directory) => null;

    public IReadOnlyList<Xattr>? Xattrs(FetchStatus vnode) => null;

    public CallMark Mark() => default;

    public void Grant(FetchStatus status, CallMark mark)
    {
    }

    public void Disown(IReadOnlyCollection<Fid> fids)
    {
        lock (_lock)
            _disowned.AddRange(fids);
    }

    public string Park(IReadOnlyList<ParkedChange> changes) => "parked";
}

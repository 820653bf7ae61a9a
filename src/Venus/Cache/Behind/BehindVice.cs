using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// A volume's server, as its caches call it: changes go through <see cref="WriteBehind"/>, and what is asked sees them. Until there is one, and where there is none, each call is the server's.
/// </summary>
internal sealed class BehindVice(IViceService vice) : IViceService
{
    private WriteBehind? _behind;

    public void Attach(WriteBehind behind) => Volatile.Write(ref _behind, behind);

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) => ChangeAsync(LocalChanges.Create, request, context);

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) => ChangeAsync(LocalChanges.Remove, request, context);

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => ChangeAsync(LocalChanges.Rename, request, context);

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) => ChangeAsync(LocalChanges.Link, request, context);

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) => ChangeAsync(LocalChanges.StoreData, request, context);

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) => ChangeAsync(LocalChanges.StoreStatus, request, context);

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) => ChangeAsync(LocalChanges.StoreXattr, request, context);

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        ReadAsync(request.Fids, () => vice.FetchStatusAsync(request, context), context);

    /// <summary>Statuses of what is in it come along only where nothing waits: they would be those of before, and be promised.</summary>
    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) => ReadAsync(
        [request.Directory],
        () => vice.FetchDirectoryAsync(request.WithStatus && Volatile.Read(ref _behind) is { HasWaiting: true } ? request with { WithStatus = false } : request, context),
        context);

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) => ReadAsync([request.Fid], () => vice.FetchDataAsync(request, context), context);

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        ReadAsync([request.Fid], () => vice.FetchXattrsAsync(request, context), context);

    /// <summary>Of all that is cached: so all that was changed here goes first.</summary>
    public async ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        Volatile.Read(ref _behind) is not { } behind || await behind.ShipForReadAsync(context.Cancellation) ? await vice.ValidateAsync(request, context) : Outcome<ValidateReply>.NotExecuted;

    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) => vice.ProbeAsync(request, context);

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) => vice.GetVolumeAsync(request, context);

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) => vice.GetVolumeStatusAsync(request, context);

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) => vice.GetServerStatusAsync(request, context);

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) => vice.GiveUpPromisesAsync(request, context);

    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) => vice.EndSessionAsync(request, context);

    public ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context) => vice.AcquireTokensAsync(request, context);

    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context) => vice.ReturnTokensAsync(request, context);

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context) => vice.LeaseVnodesAsync(request, context);

    public ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context) => vice.ApplyBatchAsync(request, context);

    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) => AfterAllAsync(() => vice.SetLockAsync(request, context), context);

    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) => vice.WithdrawLockAsync(request, context);

    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) => AfterAllAsync(() => vice.ReturnLocksAsync(request, context), context);

    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) => vice.ReclaimLocksAsync(request, context);

    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) => vice.GetLocksAsync(request, context);

    /// <summary>What has no name was made at the server, and nothing that is logged is about it.</summary>
    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) => vice.ReleaseUnnamedAsync(request, context);

    private ValueTask<Outcome<TReply>> ChangeAsync<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TRequest request, CallContext context)
        where TRequest : class =>
        Volatile.Read(ref _behind) is { } behind ? behind.ChangeAsync(kind, request, context) : kind.Call(vice, request, context);

    /// <summary>Who gets the lock next sees what was changed here under it.</summary>
    private async ValueTask<Outcome<TReply>> AfterAllAsync<TReply>(Func<ValueTask<Outcome<TReply>>> call, CallContext context) =>
        Volatile.Read(ref _behind) is not { } behind || await behind.ShipForReadAsync(context.Cancellation) ? await call() : Outcome<TReply>.NotExecuted;

    private ValueTask<Outcome<TReply>> ReadAsync<TReply>(IReadOnlyList<Fid> fids, Func<ValueTask<Outcome<TReply>>> read, CallContext context) =>
        Volatile.Read(ref _behind) is { } behind ? ReadBehindAsync(behind, fids, read, context) : read();

    private static async ValueTask<Outcome<TReply>> ReadBehindAsync<TReply>(WriteBehind behind, IReadOnlyList<Fid> fids, Func<ValueTask<Outcome<TReply>>> read, CallContext context)
    {
        foreach (Fid fid in fids)
        {
            if (!await behind.BeforeReadAsync(fid, context))
                return Outcome<TReply>.NotExecuted;
        }
        return await read();
    }
}

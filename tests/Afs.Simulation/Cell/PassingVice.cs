using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Passes every call on, through one of two doors.</summary>
internal abstract class PassingVice(IViceService vice) : IViceService
{
    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) => Read(vice.ProbeAsync, request, context);
    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) => Read(vice.EndSessionAsync, request, context);
    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) => Read(vice.GetVolumeAsync, request, context);
    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) => Read(vice.GetVolumeStatusAsync, request, context);
    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) => Read(vice.GetServerStatusAsync, request, context);
    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) => Read(vice.GiveUpPromisesAsync, request, context);
    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) => Read(vice.FetchStatusAsync, request, context);
    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) => Read(vice.FetchDirectoryAsync, request, context);
    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) => Read(vice.FetchDataAsync, request, context);
    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) => Read(vice.FetchXattrsAsync, request, context);
    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) => Read(vice.ValidateAsync, request, context);
    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) => Change(vice.CreateAsync, request, context);
    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) => Change(vice.RemoveAsync, request, context);
    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => Change(vice.RenameAsync, request, context);
    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) => Change(vice.LinkAsync, request, context);
    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) => Change(vice.StoreDataAsync, request, context);
    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) => Change(vice.StoreStatusAsync, request, context);
    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) => Change(vice.StoreXattrAsync, request, context);
    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) => Change(vice.ReleaseUnnamedAsync, request, context);
    public ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context) => Read(vice.AcquireTokensAsync, request, context);
    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context) => Read(vice.ReturnTokensAsync, request, context);
    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context) => Change(vice.LeaseVnodesAsync, request, context);
    public ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context) => Change(vice.ApplyBatchAsync, request, context);
    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) => Read(vice.SetLockAsync, request, context);
    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) => Read(vice.WithdrawLockAsync, request, context);
    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) => Read(vice.ReturnLocksAsync, request, context);
    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) => Read(vice.ReclaimLocksAsync, request, context);
    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) => Read(vice.GetLocksAsync, request, context);

    protected virtual ValueTask<Outcome<TReply>> Read<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context) => call(request, context);

    protected virtual ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context) => call(request, context);
}

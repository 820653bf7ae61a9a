using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// What Venus asks of Vice. A status in a reply comes with a promise: until the server breaks it or the lease ends, it holds.
/// Reads may be repeated; mutations run at most once and reply only when they are on stable storage and every other holder of a
/// promise on what they changed has acknowledged the break, or lost its lease.
/// </summary>
[RpcService]
public interface IViceService
{
    [Op(100)]
    ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context);

    [Op(101)]
    ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context);

    [Op(102)]
    ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context);

    [Op(103)]
    ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context);

    [Op(104)]
    ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context);

    [Op(105)]
    ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context);

    [Op(106)]
    ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context);

    [Op(107)]
    ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context);

    [Op(110)]
    ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context);

    [Op(111)]
    ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context);

    [Op(112)]
    ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context);

    [Op(113)]
    ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context);

    [Op(114)]
    ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context);

    [Op(120, Mutation = true)]
    ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context);

    [Op(121, Mutation = true)]
    ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context);

    [Op(122, Mutation = true)]
    ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context);

    [Op(123, Mutation = true)]
    ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context);

    [Op(124, Mutation = true)]
    ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context);

    [Op(125, Mutation = true)]
    ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context);

    [Op(126, Mutation = true)]
    ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context);

    [Op(127, Mutation = true)]
    ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context);

    [Op(128, Mutation = true)]
    ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context);

    [Op(129, Mutation = true)]
    ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context);

    [Op(130)]
    ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context);

    [Op(131)]
    ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context);

    [Op(132)]
    ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context);

    [Op(133)]
    ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context);

    [Op(134)]
    ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context);
}

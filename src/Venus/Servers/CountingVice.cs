using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>Counts the calls to a server, by operation, and passes them on.</summary>
internal sealed class CountingVice(IViceService inner) : IViceService
{
    private readonly Counter _probe = new("calls.probe"), _getVolume = new("calls.get-volume"), _getVolumeStatus = new("calls.get-volume-status"),
        _getServerStatus = new("calls.get-server-status"), _giveUp = new("calls.give-up-promises"),
        _endSession = new("calls.end-session"), _fetchStatus = new("calls.fetch-status"),
        _fetchDirectory = new("calls.fetch-directory"), _fetchData = new("calls.fetch-data"), _fetchXattrs = new("calls.fetch-xattrs"),
        _validate = new("calls.validate"), _create = new("calls.create"), _remove = new("calls.remove"), _rename = new("calls.rename"),
        _link = new("calls.link"), _storeData = new("calls.store-data"), _storeStatus = new("calls.store-status"),
        _storeXattr = new("calls.store-xattr"), _release = new("calls.release-unnamed");

    public IEnumerable<Figure> Read()
    {
        Counter[] all =
        [
            _probe, _getVolume, _getVolumeStatus, _getServerStatus, _giveUp, _endSession, _fetchStatus, _fetchDirectory, _fetchData, _fetchXattrs, _validate,
            _create, _remove, _rename, _link, _storeData, _storeStatus, _storeXattr, _release,
        ];
        return all.Select(static c => new Figure { Name = c.Name, Value = c.Value });
    }

    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) => Count(_probe).ProbeAsync(request, context);

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) =>
        Count(_getVolume).GetVolumeAsync(request, context);

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) =>
        Count(_getVolumeStatus).GetVolumeStatusAsync(request, context);

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) =>
        Count(_getServerStatus).GetServerStatusAsync(request, context);

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) =>
        Count(_giveUp).GiveUpPromisesAsync(request, context);

    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        Count(_endSession).EndSessionAsync(request, context);

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        Count(_fetchStatus).FetchStatusAsync(request, context);

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) =>
        Count(_fetchDirectory).FetchDirectoryAsync(request, context);

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) =>
        Count(_fetchData).FetchDataAsync(request, context);

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        Count(_fetchXattrs).FetchXattrsAsync(request, context);

    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        Count(_validate).ValidateAsync(request, context);

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) => Count(_create).CreateAsync(request, context);

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) => Count(_remove).RemoveAsync(request, context);

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => Count(_rename).RenameAsync(request, context);

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) => Count(_link).LinkAsync(request, context);

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) =>
        Count(_storeData).StoreDataAsync(request, context);

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) =>
        Count(_storeStatus).StoreStatusAsync(request, context);

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) =>
        Count(_storeXattr).StoreXattrAsync(request, context);

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) =>
        Count(_release).ReleaseUnnamedAsync(request, context);

    private IViceService Count(Counter counter)
    {
        counter.Add();
        return inner;
    }
}

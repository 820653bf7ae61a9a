using System.Diagnostics;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

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

    public ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        RunAsync("EndSession", request, context, inner.EndSessionAsync);

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
            seen.Tell(told.Kind, context.Id.Client, told.Subject, told.Bytes, told.Version, duration);
        }
        return outcome;
    }

    private readonly record struct Told(string Kind, string Subject, long? Bytes = null, ulong? Version = null);
}

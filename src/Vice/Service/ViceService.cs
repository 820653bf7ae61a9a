using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Mutations;
using Afs.Vice.Volumes.Status;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>The contract's calls, each handed to whoever does it. Nothing is decided here.</summary>
internal sealed class ViceService(
    Sessions sessions, Reads reads, StatusReads statuses, DirectoryReads directories, DataReads data, VolumeReads volumes,
    ServerStatus server, Promises promises, Writer writer, StoreData storeData, InlineParts inlineParts, Room room, ServiceFigures figures)
    : IViceService
{
    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => Outcome<ProbeReply>.Reply(new ProbeReply()));

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => volumes.Get(request));

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => volumes.GetStatus(request));

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => server.Get());

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, session => GiveUp(session, request));

    public async ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        await sessions.LeaveAsync(context) ? new EndSessionReply() : AbortCodes.ServerDiskFailed;

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), session => statuses.FetchStatus(session, request));

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), session => directories.Fetch(session, request));

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, session => data.Fetch(session, request));

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, session => statuses.FetchXattrs(session, request));

    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), session => statuses.Validate(session, request));

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => Adding(true, () => CreateObject.Run(scope, request)));

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => RemoveName.Run(scope, request));

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => RenameName.Run(scope, request));

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => Adding(true, () => LinkName.Run(scope, request)));

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) =>
        request.Parts is null
            ? MutateAsync(context, RequestChecks.Check(request), scope => Adding(request.LengthBytes > 0, () => storeData.Run(scope, request, null)))
            : StorePartsAsync(request, context);

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => StoreStatus.Run(scope, request));

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => Adding(request.Value is not null, () => StoreXattr.Run(scope, request)));

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) =>
        MutateAsync(context, AbortCode.None, scope => ReleaseUnnamed.Run(scope, request));

    /// <summary>A refusal of the parts, too, is the writer's to give: a repeated call gets its first reply.</summary>
    private async ValueTask<Outcome<StoreDataReply>> StorePartsAsync(StoreDataRequest request, CallContext context)
    {
        AbortCode check = RequestChecks.Check(request);
        Outcome<RowPatch?> patch = AbortCodes.NoSpace;
        if (check == AbortCode.None && !room.IsFull)
        {
            if (await sessions.EnterAsync(context) is null)
                return Outcome<StoreDataReply>.NotExecuted;
            patch = await inlineParts.PrepareAsync(context.Id.Client, request);
        }
        return await MutateAsync(context, check, scope =>
            Adding(true, () => patch.IsReply ? storeData.Run(scope, request, patch.Value) : patch.Abort));
    }

    private Outcome<GiveUpPromisesReply> GiveUp(ClientSession session, GiveUpPromisesRequest request)
    {
        promises.GiveUp(session, request.Fids);
        return new GiveUpPromisesReply();
    }

    /// <summary>A change that needs room, where there may be none. Decided inside the writer, so that a repeated call still gets its first reply.</summary>
    private Outcome<TReply> Adding<TReply>(bool needsRoom, Func<Outcome<TReply>> run) =>
        needsRoom && room.IsFull ? AbortCodes.NoSpace : run();

    private async ValueTask<Outcome<TReply>> MutateAsync<TReply>(CallContext context, AbortCode check, Func<MutationScope, Outcome<TReply>> run)
        where TReply : IWireMessage<TReply>
    {
        figures.CountMutation();
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is null)
            return Outcome<TReply>.NotExecuted;
        return await writer.MutateAsync(context.Id, run);
    }
}

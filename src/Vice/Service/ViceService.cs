using Afs.Platform;
using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>The contract's calls, each handed to whoever does it. Nothing is decided here.</summary>
internal sealed class ViceService(
    Sessions sessions, Reads reads, StatusReads statuses, DirectoryReads directories, DataReads data, VolumeReads volumes,
    ServerStatus server, Promises promises, Writer writer, Changes changes, Batches batches, TokenCalls tokens, LockCalls locks, InlineParts inlineParts, Renames renames, Room room, ServiceFigures figures)
    : IViceService
{
    public ValueTask<Outcome<ProbeReply>> ProbeAsync(ProbeRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => Outcome<ProbeReply>.Reply(new ProbeReply()));

    public ValueTask<Outcome<GetVolumeReply>> GetVolumeAsync(GetVolumeRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => volumes.Get(request));

    public ValueTask<Outcome<GetVolumeStatusReply>> GetVolumeStatusAsync(GetVolumeStatusRequest request, CallContext context) =>
        reads.WaitAsync(context, AbortCode.None, _ => volumes.GetStatusAsync(request));

    public ValueTask<Outcome<GetServerStatusReply>> GetServerStatusAsync(GetServerStatusRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, _ => server.Get());

    public ValueTask<Outcome<GiveUpPromisesReply>> GiveUpPromisesAsync(GiveUpPromisesRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, session => GiveUp(session, request));

    public async ValueTask<Outcome<EndSessionReply>> EndSessionAsync(EndSessionRequest request, CallContext context) =>
        await sessions.LeaveAsync(context) ? new EndSessionReply() : AbortCodes.ServerDiskFailed;

    public ValueTask<Outcome<AcquireTokensReply>> AcquireTokensAsync(AcquireTokensRequest request, CallContext context) => tokens.AcquireAsync(request, context);

    public ValueTask<Outcome<ReturnTokensReply>> ReturnTokensAsync(ReturnTokensRequest request, CallContext context) => tokens.ReturnAsync(request, context);

    public ValueTask<Outcome<FetchStatusReply>> FetchStatusAsync(FetchStatusRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), () => request.Fids, session => statuses.FetchStatus(session, request));

    public ValueTask<Outcome<FetchDirectoryReply>> FetchDirectoryAsync(FetchDirectoryRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), () => [request.Directory], session => directories.Fetch(session, request));

    public ValueTask<Outcome<FetchDataReply>> FetchDataAsync(FetchDataRequest request, CallContext context) =>
        reads.WaitAsync(context, AbortCode.None, () => [request.Fid], session => data.FetchAsync(session, request));

    public ValueTask<Outcome<FetchXattrsReply>> FetchXattrsAsync(FetchXattrsRequest request, CallContext context) =>
        reads.RunAsync(context, AbortCode.None, () => [request.Fid], session => statuses.FetchXattrs(session, request));

    public ValueTask<Outcome<ValidateReply>> ValidateAsync(ValidateRequest request, CallContext context) =>
        reads.RunAsync(context, RequestChecks.Check(request), () => [.. request.Entries.Select(entry => StatusReads.FidOf(request, entry))], session => statuses.Validate(session, request));

    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => changes.Create(scope, request));

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => RemoveName.Run(scope, request));

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request, CallContext context) => renames.RunAsync(
        request, ancestry => MutateAsync(context, RequestChecks.Check(request), scope => RenameName.Run(scope, request, ancestry)));

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => changes.Link(scope, request));

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request, CallContext context) =>
        request.Parts is null
            ? MutateAsync(context, RequestChecks.Check(request), scope => changes.StoreData(scope, request))
            : StorePartsAsync(request, context);

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => StoreStatus.Run(scope, request));

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => changes.StoreXattr(scope, request));

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request, CallContext context) =>
        MutateAsync(context, AbortCode.None, scope => ReleaseUnnamed.Run(scope, request));

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseVnodesAsync(LeaseVnodesRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => batches.Lease(scope, request));

    public ValueTask<Outcome<ApplyBatchReply>> ApplyBatchAsync(ApplyBatchRequest request, CallContext context) =>
        MutateAsync(context, RequestChecks.Check(request), scope => batches.Apply(scope, request), request.Operations.Count);

    public ValueTask<Outcome<SetLockReply>> SetLockAsync(SetLockRequest request, CallContext context) => locks.SetAsync(request, context);

    public ValueTask<Outcome<WithdrawLockReply>> WithdrawLockAsync(WithdrawLockRequest request, CallContext context) => locks.WithdrawAsync(request, context);

    public ValueTask<Outcome<ReturnLocksReply>> ReturnLocksAsync(ReturnLocksRequest request, CallContext context) => locks.ReturnAsync(request, context);

    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimLocksAsync(ReclaimLocksRequest request, CallContext context) => locks.ReclaimAsync(request, context);

    public ValueTask<Outcome<GetLocksReply>> GetLocksAsync(GetLocksRequest request, CallContext context) => locks.GetAsync(request, context);

    /// <summary>A refusal of the parts, too, is the writer's to give: a repeated call gets its first reply.</summary>
    private async ValueTask<Outcome<StoreDataReply>> StorePartsAsync(StoreDataRequest request, CallContext context)
    {
        AbortCode check = RequestChecks.Check(request);
        Outcome<RowPatch?> patch = AbortCodes.NoSpace;
        if (check == AbortCode.None && !room.IsFull)
        {
            if (await sessions.EnterAsync(context) is null)
                return Outcome<StoreDataReply>.NotExecuted;
            patch = await inlineParts.PrepareAsync(context.Id, request);
        }
        return await MutateAsync(context, check, scope => changes.StoreData(scope, request, patch));
    }

    private Outcome<GiveUpPromisesReply> GiveUp(ClientSession session, GiveUpPromisesRequest request)
    {
        promises.GiveUp(session, request.Fids);
        return new GiveUpPromisesReply();
    }

    private async ValueTask<Outcome<TReply>> MutateAsync<TReply>(CallContext context, AbortCode check, Func<ServerScope, Outcome<TReply>> run, int? operations = null)
        where TReply : IWireMessage<TReply>
    {
        figures.CountMutation();
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<TReply>.NotExecuted;
        if (operations is not null)
            session.Shipped();
        return await writer.MutateAsync(context, run, operations ?? 1);
    }
}

/// <summary>What every request must be before anything is done. <see cref="AbortCode.None"/>: it is well formed.</summary>
internal static class RequestChecks
{
    private const uint NanosecondsPerSecond = 1_000_000_000;
    private const StatusFields KnownFields = StatusFields.Mode | StatusFields.Uid | StatusFields.Gid |
        StatusFields.AccessTime | StatusFields.ModifyTime | StatusFields.KillSetId;

    public static AbortCode Check(CreateRequest r)
    {
        if (r.Name is null ? r.Type != FileType.Regular : !IsName(r.Name))
            return r.Name is null ? AbortCodes.BadArgument : AbortCodes.BadName;
        bool isDevice = r.Type is FileType.CharacterDevice or FileType.BlockDevice;
        bool isType = r.Type is > FileType.None and <= FileType.BlockDevice;
        bool isTarget = r.Type == FileType.Symlink
            ? r.SymlinkTarget is { Length: > 0 and <= Limits.SymlinkTargetBytes } target && !target.Contains((byte)0)
            : r.SymlinkTarget is null;
        return Argument(isType && isTarget && (isDevice || r.DeviceNumber == 0) && IsTime(r.Time));
    }

    public static AbortCode Check(RemoveRequest r) => IsName(r.Name) ? Argument(IsTime(r.Time)) : AbortCodes.BadName;

    public static AbortCode Check(RenameRequest r)
    {
        if (!IsName(r.FromName) || !IsName(r.ToName))
            return AbortCodes.BadName;
        if (r.FromParent.Volume != r.ToParent.Volume)
            return AbortCodes.CrossesVolumes;
        return Argument(r.Mode <= RenameMode.Exchange && IsTime(r.Time));
    }

    public static AbortCode Check(LinkRequest r)
    {
        if (!IsName(r.Name))
            return AbortCodes.BadName;
        return r.Fid.Volume != r.Parent.Volume ? AbortCodes.CrossesVolumes : Argument(IsTime(r.Time));
    }

    public static AbortCode Check(StoreDataRequest r)
    {
        if (r.LengthBytes > Limits.FileBytes)
            return AbortCodes.FileTooLarge;
        if (r.LengthBytes < 0 || r.AllocatedBytes < 0 || !IsTime(r.ModifyTime) || !IsTime(r.ChangeTime))
            return AbortCodes.BadArgument;
        if (r.Parts is not null)
            return Argument(AreParts(r, r.Parts));
        if (r.Content is null)
            return r.LengthBytes == 0 && r.Crc32C != 0 ? AbortCodes.ChecksumMismatch : AbortCode.None;
        bool matches = r.Content.Length == r.LengthBytes && Platform.Crc32C.Of(r.Content) == r.Crc32C;
        return r.Content.Length > Limits.InlineContentBytes ? AbortCodes.BadArgument : matches ? AbortCode.None : AbortCodes.ChecksumMismatch;
    }

    public static AbortCode Check(StoreStatusRequest r) => Argument(
        (r.Fields & ~KnownFields) == 0 && IsTime(r.AccessTime) && IsTime(r.ModifyTime) && IsTime(r.ChangeTime));

    public static AbortCode Check(StoreXattrRequest r)
    {
        bool isName = r.Name.Length is > 0 and <= Limits.XattrNameBytes && !r.Name.Contains((byte)0);
        if (r.Value?.Length > Limits.XattrValueBytes)
            return AbortCodes.XattrTooLarge;
        // What the kernel itself gives a meaning to is checked by that meaning.
        bool isSystem = r.Name.AsSpan().StartsWith("system."u8);
        bool isList = AccessList.KindOf(r.Name) != AccessLists.None && (r.Value is null || AccessList.IsValid(r.Value));
        return Argument(isName && (!isSystem || isList) && r.Mode <= XattrMode.Replace && IsTime(r.ChangeTime));
    }

    public static AbortCode Check(FetchDirectoryRequest r) => Argument(
        r.MostEntries is >= 1 and <= Limits.EntriesPerPage && (r.After is null || r.After.Length <= Limits.NameBytes));

    public static AbortCode Check(FetchStatusRequest r) => Argument(
        r.Fids.Count is >= 1 and <= Limits.StatusesPerCall && r.Fids.All(fid => fid.Volume == r.Fids[0].Volume));

    public static AbortCode Check(ValidateRequest r) => Argument(r.Entries.Count <= Limits.ValidationsPerCall);

    public static AbortCode Check(DownloadRequest r) => Argument(r.OffsetBytes >= 0 && r.LengthBytes >= 0);

    public static AbortCode Check(UploadRequest r) => Argument(r.Parts is not { } parts
        || parts.LengthBytes is > 0 and <= Limits.FileBytes && Extents.AreValid(parts.Extents, parts.LengthBytes)
            && (parts.Base == DataVersion.None || r.Fid.Volume == r.Volume));

    public static AbortCode Check(LeaseVnodesRequest r) => Argument(r.Count is >= 0 and <= Limits.VnodesPerLease);

    public static AbortCode Check(AcquireTokensRequest r) => Argument(
        r.Fids.Count <= Limits.TokensPerCall && (r.Fids.Count > 0 || r.IsReclaim) && r.Fids.All(fid => fid.Volume == r.Fids[0].Volume) && (r.IsReclaim || !r.HasMore));

    public static AbortCode Check(ApplyBatchRequest r) => Argument(r.Operations.Count is >= 1 and <= Limits.OperationsPerBatch);

    /// <summary>A name that a directory may hold.</summary>
    public static bool IsName(byte[] name)
    {
        if (name.Length is 0 or > Limits.NameBytes)
            return false;
        return !name.AsSpan().SequenceEqual("."u8) && !name.AsSpan().SequenceEqual(".."u8) && name.AsSpan().IndexOfAny((byte)0, (byte)'/') < 0;
    }

    /// <summary>Over the version that the changes started from, or over zeros.</summary>
    private static bool AreParts(StoreDataRequest r, ContentParts parts) =>
        r.LengthBytes > 0 && parts.LengthBytes == r.LengthBytes && (parts.Base == DataVersion.None || parts.Base == r.Base)
        && Extents.AreValid(parts.Extents, parts.LengthBytes) && r.Content?.Length == parts.TransferBytes && r.Content.Length <= Limits.InlinePartsBytes;

    private static bool IsTime(Timestamp time) => time.Nanoseconds < NanosecondsPerSecond;

    private static AbortCode Argument(bool isGood) => isGood ? AbortCode.None : AbortCodes.BadArgument;
}

/// <summary>
/// What an administrator asks of a server that runs: the name of an empty file in a folder of its data, which goes once the wish is fulfilled. Who may write there
/// may do anything with the data; and a file without bytes can be made on a full disk too. Written by <c>vice drop</c>.
/// </summary>
internal sealed partial class Wishes(IDisk disk, KeptVersions kept, Uploads uploads, ILogger log)
{
    public const string Folder = "wishes";

    /// <summary>All versions that are kept.</summary>
    public const string Versions = "versions";

    /// <summary>All uploads that no file has yet.</summary>
    public const string UploadsWaiting = "uploads";

    /// <summary>Before the id of one version, as <c>vice versions</c> shows it.</summary>
    public const string Version = "version-";

    /// <summary>Fulfilled in one sweep; the next does more.</summary>
    private const int MostAtOnce = 64;

    public async Task SweepAsync()
    {
        foreach (string name in disk.List(Folder).Take(MostAtOnce).ToList())
        {
            if (await FulfilAsync(name) is { } count)
                LogFulfilled(log, name, count);
            else
                LogUnknown(log, name);
            disk.Delete($"{Folder}/{name}");
        }
    }

    /// <summary>How many were dropped; null: nobody knows what is meant.</summary>
    private async Task<int?> FulfilAsync(string name) => name switch
    {
        Versions => await kept.DropAsync(static _ => true),
        UploadsWaiting => await uploads.DropAsync(TimeSpan.Zero),
        _ when name.StartsWith(Version, StringComparison.Ordinal) => await kept.DropAsync(version => version.Id == name[Version.Length..]),
        _ => null,
    };

    [LoggerMessage(EventId = 3302, Level = LogLevel.Information, Message = "As asked for ({Wish}): {Count} dropped")]
    private static partial void LogFulfilled(ILogger log, string wish, int count);

    [LoggerMessage(EventId = 3303, Level = LogLevel.Warning, Message = "Nobody knows what is meant by {Wish}, and it is forgotten")]
    private static partial void LogUnknown(ILogger log, string wish);
}

/// <summary>Renames from one directory into another walk to the root before they enter the writer (<see cref="Ancestry"/>), on a thread that may wait.</summary>
internal sealed class Renames(IMetadataStore metadata, IBlockingWork work)
{
    /// <summary>Walks for one call. Somebody moves the directories above as fast as they are walked: the caller is told to come again.</summary>
    private const int MostWalks = 16;

    public DirectoryMoves Moves { get; } = new();

    /// <param name="rename">Runs the mutation with what was found.</param>
    public async ValueTask<Outcome<RenameReply>> RunAsync(RenameRequest request, Func<Ancestry, ValueTask<Outcome<RenameReply>>> rename)
    {
        try
        {
            bool needsWalk = false;
            for (int walk = 0; walk < MostWalks; walk++)
            {
                try
                {
                    return await rename(needsWalk ? await work.RunAsync(() => Ancestry.Walk(metadata, Moves, request.FromParent, request.ToParent)) : Ancestry.None);
                }
                catch (StaleWalkException)
                {
                    needsWalk = true;
                }
            }
            return AbortCodes.Busy;
        }
        catch (StorageException)
        {
            return AbortCodes.ServerDiskFailed;
        }
    }
}

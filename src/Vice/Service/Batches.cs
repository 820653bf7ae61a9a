using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Locks;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>The changes that a client may ask for, each by a call of its own or in a batch. Run inside the writer, so that a repeated call still gets its first reply.</summary>
internal sealed class Changes(StoreData storeData, ServerLocks locks, Room room)
{
    public Outcome<CreateReply> Create(ServerScope scope, CreateRequest request) => Adding(true, () => CreateObject.Run(scope, request));

    public Outcome<LinkReply> Link(ServerScope scope, LinkRequest request) => Adding(true, () => LinkName.Run(scope, request));

    public Outcome<StoreDataReply> StoreData(ServerScope scope, StoreDataRequest request) =>
        Adding(request.LengthBytes > 0, () => Stored(scope, request, null));

    /// <param name="patch">What the parts in the request were made into.</param>
    public Outcome<StoreDataReply> StoreData(ServerScope scope, StoreDataRequest request, Outcome<RowPatch?> patch) =>
        Adding(true, () => patch.IsReply ? Stored(scope, request, patch.Value) : patch.Abort);

    public Outcome<StoreXattrReply> StoreXattr(ServerScope scope, StoreXattrRequest request) =>
        Adding(request.Value is not null, () => Rules.StoreXattr.Run(scope, request));

    /// <summary>What was written under a lock is stored by who still has it. Looked at here, so that a lock goes on to the next one after all that was stored under it.</summary>
    /// <exception cref="HeldVnodeException">The server has just started, and the session has yet to claim its locks.</exception>
    private Outcome<StoreDataReply> Stored(ServerScope scope, StoreDataRequest request, RowPatch? patch)
    {
        if (request.Fence != default && locks.ClaimsOf(scope.Session) is { } claims)
            throw new HeldVnodeException(claims, isAnothers: false);
        return request.Fence != default && !locks.IsCurrent(scope.Session, request.Fence) ? AbortCodes.LockLost : storeData.Run(scope, request, patch);
    }

    /// <summary>A change that needs room, where there may be none.</summary>
    private Outcome<TReply> Adding<TReply>(bool needsRoom, Func<Outcome<TReply>> run) =>
        needsRoom && room.IsFull ? AbortCodes.NoSpace : run();
}

/// <summary>
/// Batches of changes that a client made first and tells of later, and the numbers that it names new objects by. A batch is one mutation: one transaction, one reply, at most once. Each of its
/// operations has a scope of its own, so that one which is refused leaves no trace and the rest goes on.
/// </summary>
internal sealed class Batches(Changes changes, TokenCalls tokens, DirectoryMoves moves, ICommitEffects effects)
{
    public Outcome<LeaseVnodesReply> Lease(ServerScope scope, LeaseVnodesRequest request)
    {
        if (scope.View.FindVolume(request.Volume) is null)
            return AbortCodes.NoVolume;
        BatchNumber last = scope.View.FindLastBatch(request.Volume, scope.Client).Number;
        if (request.Count == 0)
            return new LeaseVnodesReply { First = default, Uniquifier = default, LastBatch = last };
        IReadOnlyList<VnodeLease> earlier = scope.View.ReadVnodeLeases(request.Volume, scope.Client);
        scope.Apply();
        foreach (VnodeLease oldest in earlier.Take(earlier.Count - Limits.LeasesPerClient + 1))
            scope.Transaction.DeleteVnodeLease(oldest);
        VnodeLease lease = scope.Lease(request.Volume, request.Count);
        return new LeaseVnodesReply { First = lease.First, Uniquifier = lease.Uniquifier, LastBatch = last };
    }

    public Outcome<ApplyBatchReply> Apply(ServerScope scope, ApplyBatchRequest request)
    {
        if (scope.View.FindVolume(request.Volume) is null)
            return AbortCodes.NoVolume;
        LastBatch last = scope.View.FindLastBatch(request.Volume, scope.Client);
        if (request.Number == last.Number && last != default)
            return Answered(last); // By a call whose reply was lost with its session, or its client.
        if (request.Number != last.Number.Next)
            return AbortCodes.BatchOutOfOrder;
        List<RefusedOperation> refused = [];
        List<Fid> made = [];
        var ancestry = new WriterAncestry(scope.View, moves);
        for (int i = 0; i < request.Operations.Count; i++)
        {
            AbortCode abort = IsWithout(request.Operations[i], i, refused) ? AbortCodes.NotPreceded : Apply(scope, request.Volume, request.Operations[i], ancestry, made);
            if (abort != AbortCode.None)
                refused.Add(new RefusedOperation(i, abort));
        }
        scope.Apply();
        scope.Transaction.PutLastBatch(request.Volume, scope.Client, new LastBatch(request.Number, WireCodec.ToBytes(new ApplyBatchReply { Refused = refused, HasTokens = false })));
        scope.Changes.JoinVnodes();
        bool hasTokens = request.TakesTokens && tokens.TryTakeNew(scope, [.. made.Where(fid => scope.View.Find(fid, scope.Session) is not null)]);
        return new ApplyBatchReply { Refused = refused, HasTokens = hasTokens };
    }

    /// <exception cref="StorageException">The answer isn't what was written.</exception>
    private static Outcome<ApplyBatchReply> Answered(LastBatch last)
    {
        try
        {
            return WireCodec.FromBytes<ApplyBatchReply>(last.Answer);
        }
        catch (MalformedMessageException e)
        {
            throw new StorageException(StorageFailure.Corrupt, $"The stored answer to batch {last.Number} is damaged.", e);
        }
    }

    /// <summary>One operation. None: it is applied.</summary>
    /// <param name="made">Gets the object that it made.</param>
    private AbortCode Apply(ServerScope batch, VolumeId volume, BatchOperation operation, WriterAncestry ancestry, List<Fid> made)
    {
        ServerScope scope = batch.BeginOperation(operation.Caller);
        AbortCode abort;
        try
        {
            abort = Run(scope, volume, operation, ancestry, made);
        }
        catch (Exception e) when (!scope.IsApplied && e is StorageException { Failure: StorageFailure.Corrupt } or TooDeepException)
        {
            // It has written nothing, and would fail each time. Were the whole batch to fail by it, its client could never send what comes after.
            abort = e is TooDeepException ? AbortCodes.Busy : AbortCodes.ServerDiskFailed;
        }
        catch (HeldVnodeException held) when (held.IsAnothers && !tokens.MayWait(batch.Session))
        {
            abort = AbortCodes.TokenHeld; // Whoever holds it may be waiting for this very batch.
        }
        catch
        {
            batch.Changes.Add(scope.Changes); // The batch is undone, and this with it.
            throw;
        }
        if (abort == AbortCode.None)
            batch.Changes.Add(scope.Changes);
        else
            effects.Abandoned(scope.Session, scope.Changes);
        return abort;
    }

    private AbortCode Run(ServerScope scope, VolumeId volume, BatchOperation operation, WriterAncestry ancestry, List<Fid> made) => operation switch
    {
        { Create: { } r } when IsOnly(operation, r) => Run(r.Parent.Volume == volume, RequestChecks.Check(r), () => Note(changes.Create(scope, r), made)),
        { Remove: { } r } when IsOnly(operation, r) => Run(r.Parent.Volume == volume, RequestChecks.Check(r), () => RemoveName.Run(scope, r)),
        { Rename: { } r } when IsOnly(operation, r) => Run(r.FromParent.Volume == volume, RequestChecks.Check(r), () => RenameName.Run(scope, r, ancestry)),
        { Link: { } r } when IsOnly(operation, r) => Run(r.Fid.Volume == volume, RequestChecks.Check(r), () => changes.Link(scope, r)),
        { StoreData: { Parts: null } r } when IsOnly(operation, r) => Run(r.Fid.Volume == volume, RequestChecks.Check(r), () => Store(scope, r)),
        { StoreStatus: { } r } when IsOnly(operation, r) => Run(r.Fid.Volume == volume, RequestChecks.Check(r), () => StoreStatus.Run(scope, r)),
        { StoreXattr: { } r } when IsOnly(operation, r) => Run(r.Fid.Volume == volume, RequestChecks.Check(r), () => changes.StoreXattr(scope, r)),
        _ => AbortCodes.BadArgument,
    };

    /// <summary>Something that it needs was refused, or doesn't come before it.</summary>
    private static bool IsWithout(BatchOperation operation, int place, List<RefusedOperation> refused) =>
        operation.Needs.Count > 0 && operation.Needs.Any(index => index >= place || refused.Count > 0 && refused.Exists(other => other.Index == index));

    /// <summary>A batch was made from a version that its client held: another one is somebody's who came in between.</summary>
    private Outcome<StoreDataReply> Store(ServerScope scope, StoreDataRequest request) =>
        scope.Find(request.Fid) is { } status && status.DataVersion != request.Base ? AbortCodes.VersionGone : changes.StoreData(scope, request);

    private static Outcome<CreateReply> Note(Outcome<CreateReply> created, List<Fid> made)
    {
        if (created.IsReply)
            made.Add(created.Value.Status.Fid);
        return created;
    }

    private static AbortCode Run<TReply>(bool isOfVolume, AbortCode check, Func<Outcome<TReply>> run)
    {
        if (!isOfVolume)
            return AbortCodes.BadArgument;
        if (check != AbortCode.None)
            return check;
        Outcome<TReply> outcome = run();
        return outcome.IsReply ? AbortCode.None : outcome.Abort;
    }

    /// <summary>The operation has this request and no other.</summary>
    private static bool IsOnly(BatchOperation operation, object request) =>
        new object?[] { operation.Create, operation.Remove, operation.Rename, operation.Link, operation.StoreData, operation.StoreStatus, operation.StoreXattr }
            .All(other => other is null || ReferenceEquals(other, request));
}

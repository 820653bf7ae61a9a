using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// A block of vnode numbers for this client, to name objects by before the server has seen them (<see cref="CreateRequest.Given"/>). It is the client's, over sessions and restarts, until all
/// its numbers are used, or until <see cref="Limits.LeasesPerClient"/> newer blocks of the volume are.
/// </summary>
[WireMessage]
public sealed partial record LeaseVnodesRequest
{
    [Key(0)] public required VolumeId Volume { get; init; }

    /// <summary>How many numbers: at most <see cref="Limits.VnodesPerLease"/>. Zero: none, only <see cref="LeaseVnodesReply.LastBatch"/> is asked for.</summary>
    [Key(1)] public required int Count { get; init; }
}

[WireMessage]
public sealed partial record LeaseVnodesReply
{
    /// <summary>The first of the numbers, which are one after the other; default where none was asked for.</summary>
    [Key(0)] public required VnodeNumber First { get; init; }

    /// <summary>Of all fids of the block.</summary>
    [Key(1)] public required Uniquifier Uniquifier { get; init; }

    /// <summary>The last batch of this client and volume that was applied; zero: none ever was.</summary>
    [Key(2)] public required BatchNumber LastBatch { get; init; }
}

/// <summary>
/// What a client did to a volume, in its order: one transaction and one reply. Each operation stands by itself: one that is refused leaves no trace, and the rest goes on. Batches come in the
/// order of their numbers; else the abort is BatchOutOfOrder. The last that was applied is answered once more as it was. A batch that the server can't store changes nothing and uses up no number.
/// </summary>
[WireMessage]
public sealed partial record ApplyBatchRequest
{
    [Key(0)] public required VolumeId Volume { get; init; }

    /// <summary>One more than the last that was applied.</summary>
    [Key(1)] public required BatchNumber Number { get; init; }

    /// <summary>What the batch makes, and still has when it ends, is under this session's write tokens from the moment that it is there.</summary>
    [Key(2)] public bool TakesTokens { get; init; }

    [Key(3), Limit(Limits.OperationsPerBatch)] public required IReadOnlyList<BatchOperation> Operations { get; init; }
}

/// <summary>One change, as the request of the call that would make it by itself. Exactly one of them is there.</summary>
[WireMessage]
public sealed partial record BatchOperation
{
    /// <summary>For whom, as a call's own.</summary>
    [Key(0)] public CallerNumber Caller { get; init; }
    [Key(1)] public CreateRequest? Create { get; init; }
    [Key(2)] public RemoveRequest? Remove { get; init; }
    [Key(3)] public RenameRequest? Rename { get; init; }
    [Key(4)] public LinkRequest? Link { get; init; }

    /// <summary>
    /// Its content is inline, or was uploaded before; parts are uploaded, never inline. It is refused as VersionGone where its base isn't the current version: whoever stored in between did so without
    /// this client's knowing, and what it did is not overwritten.
    /// </summary>
    [Key(5)] public StoreDataRequest? StoreData { get; init; }
    [Key(6)] public StoreStatusRequest? StoreStatus { get; init; }
    [Key(7)] public StoreXattrRequest? StoreXattr { get; init; }

    /// <summary>Operations before it in the batch, by index, without which it must not run: where one of them was refused, it is refused too, as NotPreceded.</summary>
    [Key(8), Limit(Limits.OperationsPerBatch)] public IReadOnlyList<int> Needs { get; init; } = [];
}

[WireMessage]
public sealed partial record ApplyBatchReply
{
    /// <summary>Those that were refused, in order; of all others the client knows what they did, for it has the same rules.</summary>
    [Key(0), Limit(Limits.OperationsPerBatch)] public required IReadOnlyList<RefusedOperation> Refused { get; init; }

    /// <summary>What the batch made is under this session's write tokens, as asked for. False: none of it is.</summary>
    [Key(1)] public required bool HasTokens { get; init; }
}

/// <param name="Index">Which operation of the batch, from 0.</param>
[WireMessage]
public readonly partial record struct RefusedOperation(
    [property: Key(0)] int Index,
    [property: Key(1)] AbortCode Abort);

using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Commit;

/// <summary>
/// A client's mutation on its way through the writer. At most once holds here: a call whose reply is stored is answered with it, and
/// the reply, a refusal too, is stored in the transaction of the change.
/// </summary>
internal sealed class ClientMutation<TReply>(
    CallId call,
    Func<MutationScope, Outcome<TReply>> run,
    ICommitEffects effects,
    TimeProvider time)
    : QueuedWork
    where TReply : IWireMessage<TReply>
{
    private readonly TaskCompletionSource<CommittedOutcome<TReply>> _done = new();
    private CommittedOutcome<TReply> _committed;
    private Outcome<TReply> _outcome;
    private ChangeSet? _changes;

    public Task<CommittedOutcome<TReply>> Done => _done.Task;

    internal override void Run(IMetadataTransaction transaction, BatchVolumes volumes)
    {
        if (transaction.FindSession(call.Session) is not { } session || session.Client != call.Client || call.Sequence.Value <= session.ForgottenThrough.Value)
        {
            _outcome = Outcome<TReply>.NotExecuted;
            return;
        }
        if (transaction.FindReply(call.Session, call.Sequence) is { } stored)
        {
            _outcome = Decode(stored);
            return;
        }
        var scope = new MutationScope(transaction, volumes, call.Session, call.Client, time.GetUtcNow());
        _outcome = run(scope);
        if (!_outcome.IsReply && scope.IsApplied)
            throw new InvalidOperationException($"A mutation was refused ({_outcome.Abort}) after it wrote.");
        _changes = scope.Changes;
        transaction.PutReply(call.Session, call.Sequence, Encode(_outcome));
        effects.Promise(call.Session, scope.Changes.Promised);
    }

    internal override void Committed()
    {
        Task breaks = effects.Settled(call.Session);
        if (_changes is not null && _outcome.IsReply)
            breaks = effects.Committed(call.Session, _changes);
        else if (_changes is not null)
            effects.Abandoned(_changes);
        _committed = new(_outcome, breaks);
    }

    internal override void Failed(StorageException failure)
    {
        if (_changes is not null)
            effects.Abandoned(_changes);
        AbortCode abort = failure.Failure == StorageFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
        _committed = new(abort, Task.CompletedTask);
    }

    internal override void Complete() => _done.SetResult(_committed);

    private static StoredReply Encode(Outcome<TReply> outcome) => outcome.IsReply
        ? new StoredReply(AbortCode.None, WireCodec.ToBytes(outcome.Value))
        : new StoredReply(outcome.Abort, ReadOnlyMemory<byte>.Empty);

    private static Outcome<TReply> Decode(StoredReply stored) =>
        stored.Abort == AbortCode.None ? WireCodec.FromBytes<TReply>(stored.Body.Span) : stored.Abort;
}

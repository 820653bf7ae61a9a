using Afs.Rpc;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>The way to the one writer, for all of the service.</summary>
internal sealed class Writer(GroupCommitter committer, ICommitEffects effects, TimeProvider time)
{
    /// <summary>Runs a client's mutation; the outcome comes when it is on stable storage and nobody else trusts what it changed.</summary>
    public async ValueTask<Outcome<TReply>> MutateAsync<TReply>(CallId call, Func<MutationScope, Outcome<TReply>> run)
        where TReply : IWireMessage<TReply>
    {
        var mutation = new ClientMutation<TReply>(call, run, effects, time);
        if (!committer.TryEnqueue(mutation))
            return AbortCodes.Busy;
        CommittedOutcome<TReply> committed = await mutation.Done;
        await committed.Breaks;
        return committed.Outcome;
    }

    /// <summary>Runs a change of the server's own.</summary>
    /// <exception cref="StorageException">Nothing was changed.</exception>
    public async Task<T> ChangeAsync<T>(Func<IMetadataTransaction, BatchVolumes, T> run)
    {
        var work = new ServerWork<T>(run);
        if (!committer.TryEnqueue(work))
            throw new StorageException(StorageFailure.Failed, "Too much waits to be committed.");
        return await work.Done;
    }
}

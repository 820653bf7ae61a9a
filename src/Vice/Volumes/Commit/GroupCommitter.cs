using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;

namespace Afs.Vice.Volumes.Commit;

/// <summary>
/// The one writer. What waits is taken together, runs one after the other inside one transaction, and is committed by one fsync.
/// Any thread enqueues; <see cref="CommitBatch"/> belongs to one thread, which the constructor's <c>wake</c> rouses. It blocks that
/// thread for the disk and for nothing else.
/// </summary>
/// <param name="alongside">Joins every transaction, with what isn't worth one of its own.</param>
/// <param name="loneCallersGoOnHere">The caller of a mutation that was committed alone goes on on the committer's thread: it does little, and waits for nothing.</param>
public sealed class GroupCommitter(IMetadataStore store, Action wake, Action<IMetadataTransaction> alongside, bool loneCallersGoOnHere)
{
    /// <summary>The most that may wait; more is refused as Busy. Far above what the connections' own limits let through.</summary>
    public const int MostWaiting = 65_536;

    /// <summary>The most in one transaction: bounds how long the first of a batch waits for the last.</summary>
    public const int MostInBatch = 512;

    private readonly Lock _lock = new();
    private readonly Queue<QueuedWork> _waiting = new();
    private readonly List<QueuedWork> _batch = new(MostInBatch);

    /// <summary>Transactions committed.</summary>
    public long Commits { get; private set; }

    /// <summary>Work done in them.</summary>
    public long Committed { get; private set; }

    /// <summary>Transactions that failed.</summary>
    public long Failures { get; private set; }

    /// <summary>Something waits to be committed.</summary>
    public bool HasWork
    {
        get
        {
            lock (_lock)
                return _waiting.Count > 0;
        }
    }

    /// <summary>False: the queue is full.</summary>
    public bool TryEnqueue(QueuedWork work)
    {
        bool wasEmpty;
        lock (_lock)
        {
            if (_waiting.Count >= MostWaiting)
                return false;
            wasEmpty = _waiting.Count == 0;
            _waiting.Enqueue(work);
        }
        if (wasEmpty)
            wake();
        return true;
    }

    /// <summary>Commits what waits, up to a batch. False: nothing waited.</summary>
    public bool CommitBatch()
    {
        Take();
        if (_batch.Count == 0)
        {
            Maintain();
            return false;
        }
        StorageException? failure = TryCommit();
        foreach (QueuedWork work in _batch)
        {
            if (failure is null)
                work.Committed();
            else
                work.Failed(failure);
        }
        Complete();
        _batch.Clear();
        return true;
    }

    /// <summary>A lone caller may go on here, since nothing waits for this thread; of several, all go on together elsewhere, and this thread with the next batch.</summary>
    private void Complete()
    {
        if (_batch.Count == 1 && loneCallersGoOnHere)
            _batch[0].Complete();
        else
            WorkQueue.Add(new CompletedBatch([.. _batch]));
    }

    private void Take()
    {
        lock (_lock)
        {
            while (_batch.Count < MostInBatch && _waiting.TryDequeue(out QueuedWork? work))
                _batch.Add(work);
        }
    }

    /// <summary>A chore that fails, for want of room maybe, is done another time.</summary>
    private void Maintain()
    {
        try
        {
            store.Maintain();
        }
        catch (StorageException)
        {
            Failures++;
        }
    }

    /// <summary>Null: committed. Anything but a storage failure is a broken invariant and ends the server.</summary>
    private StorageException? TryCommit()
    {
        try
        {
            using IMetadataTransaction transaction = store.BeginTransaction();
            var volumes = new BatchVolumes(transaction);
            foreach (QueuedWork work in _batch)
                work.Run(transaction, volumes);
            alongside(transaction);
            volumes.Write();
            Commit(transaction);
            Commits++;
            Committed += _batch.Count;
            return null;
        }
        catch (StorageException failure)
        {
            Failures++;
            return failure;
        }
    }

    /// <summary>
    /// A commit that fails for want of room did nothing. One that fails otherwise, e.g. in its fsync, may be on disk or not: nobody can
    /// be told either, so the server ends, and its next life reads what is there.
    /// </summary>
    private static void Commit(IMetadataTransaction transaction)
    {
        try
        {
            transaction.Commit();
        }
        catch (StorageException failure) when (failure.Failure != StorageFailure.NoSpace)
        {
            throw new InvalidOperationException($"What a commit did is unknown: {failure.Message}", failure);
        }
    }
}

using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Commit;

/// <summary>
/// The one writer. What waits is taken together, runs one after the other inside one transaction, and is committed by one fsync.
/// Any thread enqueues; <see cref="CommitBatch"/> belongs to one thread, which the constructor's <c>wake</c> rouses. It blocks that
/// thread for the disk and for nothing else.
/// <para>
/// A work that fails takes nothing but itself back, and fails alone, whatever it throws. Where a transaction as a whole fails, its works are tried
/// again in halves, so that the one that is to blame fails alone too. Every work that was taken in completes, also where the writer ends.
/// </para>
/// </summary>
/// <param name="alongside">Joins every transaction, with what isn't worth one of its own.</param>
/// <param name="random">Used by the writer alone.</param>
/// <param name="loneCallersGoOnHere">The caller of a mutation that was committed alone goes on on the committer's thread: it does little, and waits for nothing.</param>
public sealed class GroupCommitter(IMetadataStore store, Action wake, Action<IMetadataTransaction> alongside, Random random, bool loneCallersGoOnHere)
{
    /// <summary>The most that may wait; more is refused as Busy. Far above what the connections' own limits let through.</summary>
    public const int MostWaiting = 65_536;

    /// <summary>The most changes in one transaction, but for a work that has more by itself: bounds how long the first waits for the last.</summary>
    public const int MostInBatch = 512;

    private readonly Lock _lock = new();
    private readonly Queue<QueuedWork> _waiting = new();
    private readonly List<QueuedWork> _batch = new(MostInBatch);
    private Exception? _end;

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

    /// <summary>False: the queue is full. Once the writer has ended, work that is taken in is lost at once.</summary>
    public bool TryEnqueue(QueuedWork work)
    {
        bool wasEmpty;
        Exception? end;
        lock (_lock)
        {
            end = _end;
            if (end is null && _waiting.Count >= MostWaiting)
                return false;
            wasEmpty = _waiting.Count == 0;
            if (end is null)
                _waiting.Enqueue(work);
        }
        if (end is not null)
            Lose(work, end);
        else if (wasEmpty)
            wake();
        return true;
    }

    /// <summary>Commits what waits, up to a batch. False: nothing waited. Whatever it throws is a broken invariant, or a commit of unknown outcome: the writer has ended.</summary>
    public bool CommitBatch()
    {
        Take();
        if (_batch.Count == 0)
        {
            Maintain();
            return false;
        }
        try
        {
            Commit(0, _batch.Count);
        }
        catch (Exception e)
        {
            End(e);
            throw;
        }
        Complete();
        _batch.Clear();
        return true;
    }

    /// <summary>Nothing is committed from here on: what waits, and whatever comes, is lost. By who commits.</summary>
    public void End(Exception reason)
    {
        List<QueuedWork> unsettled;
        lock (_lock)
        {
            _end ??= reason;
            unsettled = [.. _batch.Where(static work => !work.IsSettled), .. _waiting];
            _waiting.Clear();
        }
        unsettled.ForEach(work => work.Lost(_end));
        IEnumerable<QueuedWork> all = _batch.Where(static work => work.IsSettled).Concat(unsettled);
        WorkQueue.Add(new CompletedBatch([.. all]));
        _batch.Clear();
    }

    private static void Lose(QueuedWork work, Exception end)
    {
        work.Lost(end);
        WorkQueue.Add(new CompletedBatch([work]));
    }

    internal static CallUnansweredException Unanswered(Exception reason) => new($"The server ends: {reason.Message}", reason);

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
            int changes = 0;
            while (_waiting.TryPeek(out QueuedWork? work) && (_batch.Count == 0 || changes + work.Weight <= MostInBatch))
            {
                _batch.Add(_waiting.Dequeue());
                changes += work.Weight;
            }
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

    /// <summary>Settles works of the batch: in one transaction, else in halves.</summary>
    private void Commit(int first, int count)
    {
        if (TryCommit(first, count) is not { } failure)
        {
            for (int i = first; i < first + count; i++)
                Settle(_batch[i], _batch[i].Failure);
        }
        else if (count == 1)
        {
            Settle(_batch[first], failure);
        }
        else
        {
            Commit(first, count / 2);
            Commit(first + count / 2, count - count / 2);
        }
    }

    private static void Settle(QueuedWork work, Exception? failure)
    {
        if (failure is null)
            work.Committed();
        else
            work.Failed(failure);
        work.IsSettled = true;
    }

    /// <summary>Null: committed, but for the works that failed by themselves. Else nothing of any of them happened.</summary>
    private StorageException? TryCommit(int first, int count)
    {
        int ran = 0;
        try
        {
            using IMetadataTransaction transaction = store.BeginTransaction();
            var volumes = new BatchVolumes(transaction, random);
            while (ran < count)
                Run(_batch[first + ran++], transaction, volumes, isAlone: count == 1);
            int failed = FailedOf(first, count);
            if (failed == count)
                return null;
            DoAlongside(transaction);
            volumes.Write();
            Commit(transaction);
            Commits++;
            Committed += count - failed;
            return null;
        }
        catch (StorageException failure)
        {
            Failures++;
            foreach (QueuedWork work in _batch.Skip(first).Take(ran).Where(static work => work.Failure is null))
                work.Undone();
            return failure;
        }
    }

    /// <summary>At a savepoint. One that is alone needs none: if it fails, its transaction isn't committed.</summary>
    /// <exception cref="StorageException">The whole transaction is over.</exception>
    private static void Run(QueuedWork work, IMetadataTransaction transaction, BatchVolumes volumes, bool isAlone)
    {
        work.Failure = null;
        if (!isAlone)
            transaction.SetSavepoint();
        volumes.SetSavepoint();
        try
        {
            work.Run(transaction, volumes);
            if (!isAlone)
                transaction.ReleaseSavepoint();
        }
        catch (Exception e)
        {
            work.Undone();
            work.Failure = e;
            volumes.RollBackToSavepoint();
            if (!isAlone)
                transaction.RollBackToSavepoint();
        }
    }

    private int FailedOf(int first, int count)
    {
        int failed = 0;
        for (int i = first; i < first + count; i++)
            failed += _batch[i].Failure is null ? 0 : 1;
        return failed;
    }

    /// <summary>What isn't worth a transaction of its own spoils none either.</summary>
    /// <exception cref="StorageException">The whole transaction is over.</exception>
    private void DoAlongside(IMetadataTransaction transaction)
    {
        transaction.SetSavepoint();
        try
        {
            alongside(transaction);
            transaction.ReleaseSavepoint();
        }
        catch (StorageException)
        {
            Failures++;
            transaction.RollBackToSavepoint();
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

    /// <summary>Those who wait for a commit go on, one after the other.</summary>
    private sealed class CompletedBatch(IReadOnlyList<QueuedWork> works) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            foreach (QueuedWork work in works)
                work.Complete();
        }
    }
}

/// <summary>
/// Something that waits for the writer. It is run, at a savepoint of its own, and is then settled once: by <see cref="Committed"/>, <see cref="Failed"/> or
/// <see cref="Lost"/>. Then it completes, whatever happened. All but <see cref="Complete"/> run on the writer's thread and don't wait.
/// </summary>
public abstract class QueuedWork
{
    /// <summary>What <see cref="Run"/> threw, where nothing of it is left in the transaction. Belongs to the committer.</summary>
    internal Exception? Failure { get; set; }

    /// <summary>It is known what became of it. Belongs to the committer.</summary>
    internal bool IsSettled { get; set; }

    /// <summary>How many changes it is made of.</summary>
    internal virtual int Weight => 1;

    /// <summary>Inside a transaction. Whatever it throws fails this work and no other. It may be run again, in a later transaction, after <see cref="Undone"/>.</summary>
    internal abstract void Run(IMetadataTransaction transaction, BatchVolumes volumes);

    /// <summary>Nothing of the run, which may have ended early, is in the store or will be.</summary>
    internal abstract void Undone();

    /// <summary>The transaction is on stable storage.</summary>
    internal abstract void Committed();

    /// <summary>Nothing of it happened, and it isn't tried again. After <see cref="Undone"/>.</summary>
    internal abstract void Failed(Exception failure);

    /// <summary>Nobody knows whether it happened, or it was never begun: the writer ends.</summary>
    internal abstract void Lost(Exception reason);

    /// <summary>Who waits for it goes on here. On the writer's thread only where nothing else waits for that.</summary>
    internal abstract void Complete();
}

/// <summary>A change that the server makes for itself: sessions, replies that were seen, versions kept long enough.</summary>
/// <param name="run">May be called again where nothing of the call before is left; so it begins with what it collects empty.</param>
/// <param name="undo">Takes back what a run did beside the transaction; null: it did nothing.</param>
internal sealed class ServerWork<T>(Func<IMetadataTransaction, BatchVolumes, T> run, Action? undo) : QueuedWork
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _failure;

    /// <summary>Faults with <see cref="StorageException"/> where nothing was changed, and with <see cref="Rpc.CallUnansweredException"/> where that isn't known.</summary>
    public Task<T> Done => _done.Task;

    internal override void Run(IMetadataTransaction transaction, BatchVolumes volumes) => _result = run(transaction, volumes);

    internal override void Undone()
    {
        _result = default;
        undo?.Invoke();
    }

    internal override void Committed()
    {
    }

    internal override void Failed(Exception failure) => _failure = failure;

    internal override void Lost(Exception reason) => _failure = GroupCommitter.Unanswered(reason);

    internal override void Complete()
    {
        if (_failure is null)
            _done.SetResult(_result!);
        else
            _done.SetException(_failure);
    }
}

/// <summary>What the rest of the server does with a client's mutation. Called on the writer's thread; must not wait.</summary>
public interface ICommitEffects
{
    /// <summary>Asked before a client's mutation touches a vnode.</summary>
    IVnodeGuard Guard { get; }

    /// <summary>Before the commit, so that a change by a later mutation finds these promises.</summary>
    void Promise(SessionId session, IReadOnlyList<Fid> fids);

    /// <summary>
    /// It is on stable storage. The task ends when every other client that held a promise on what changed has let go of it; and its own too, where it
    /// doesn't wait for the reply any more, which would have told it.
    /// </summary>
    Task Committed(CallId call, ServerChanges changes);

    /// <summary>For a call that is answered with its stored reply: ends when the breaks of a life before this one can't matter any more.</summary>
    Task Settled(SessionId session);

    /// <summary>The commit failed, or the mutation was refused or threw.</summary>
    void Abandoned(SessionId session, ServerChanges changes);

    /// <summary>A mutation could not be stored; its caller is told.</summary>
    void Failed(SessionId session, StorageException failure);
}

using Afs.Rpc;
using Afs.Vice.Volumes.Commit;

namespace Afs.Vice.Hosting;

/// <summary>
/// The thread of the one writer, which waits for the disk. Where callers may commit, who finds the writer idle commits his own work on his own thread,
/// which saves a lone caller two changes of threads; what came meanwhile is this thread's again. So one thread of the pool at most waits for the disk.
///
/// INVARIANT: the committer is used by the one who has the turn. Whoever gives it up looks afterwards whether something waits, so that who found it
/// taken need not wake anybody.
/// </summary>
/// <param name="callersCommit">Only where every caller may wait for the disk.</param>
public sealed class CommitThread(bool callersCommit = false) : IDisposable
{
    /// <summary>Commits by callers until this thread has a look, for the chores of a quiet moment.</summary>
    private const int CallersCommitsBetweenChores = 64;

    /// <summary>Not a SemaphoreSlim, which spins before it sleeps: that takes the processor from the call that it waits for.</summary>
    private readonly AutoResetEvent _wake = new(initialState: false);

    private GroupCommitter? _committer;
    private Action<Exception>? _failed;
    private Thread? _thread;
    private int _turn;
    private int _commitsByCallers;
    private volatile bool _isStopping;
    private volatile bool _hasFailed;

    /// <summary>Something waits. Safe before <see cref="Start"/> and after the end. Not under a lock: it may commit.</summary>
    public void Wake()
    {
        if (!callersCommit || _committer is not { } committer || _isStopping)
            _wake.Set();
        else if (TryTakeTurn())
            CommitHere(committer);
    }

    /// <param name="failed">Gets what ends the thread: a broken invariant, after which nothing more is committed.</param>
    public void Start(GroupCommitter committer, Action<Exception> failed)
    {
        if (callersCommit)
        {
            ThreadPool.GetMinThreads(out int workers, out int completions);
            ThreadPool.SetMinThreads(workers + 1, completions); // One may wait for the disk; the others stay what they were.
        }
        _failed = failed;
        _thread = new Thread(() => Run(committer)) { Name = "vice commit", IsBackground = true };
        _thread.Start();
        Volatile.Write(ref _committer, committer);
    }

    /// <summary>What waits is committed first, and who commits has ended: afterwards nobody uses the store.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _wake.Set();
        _thread?.Join();
    }

    private bool TryTakeTurn() => Interlocked.CompareExchange(ref _turn, 1, 0) == 0;

    /// <summary>One batch. A failure keeps the turn: nothing more is committed.</summary>
    private void CommitHere(GroupCommitter committer)
    {
        try
        {
            committer.CommitBatch();
        }
        catch (Exception e)
        {
            _hasFailed = true;
            _failed!(e);
            return;
        }
        bool isChoreDue = ++_commitsByCallers % CallersCommitsBetweenChores == 0;
        Interlocked.Exchange(ref _turn, 0);
        if (isChoreDue || committer.HasWork)
            _wake.Set();
    }

    private void Run(GroupCommitter committer)
    {
        try
        {
            while (!_isStopping)
            {
                _wake.WaitOne();
                CommitAll(committer);
            }
            CommitLast(committer);
        }
        catch (Exception e)
        {
            _failed!(e);
        }
    }

    private void CommitAll(GroupCommitter committer)
    {
        do
        {
            if (!TryTakeTurn())
                return; // Who has it sees to what waits.
            while (committer.CommitBatch())
            {
            }
            Interlocked.Exchange(ref _turn, 0);
        }
        while (committer.HasWork);
    }

    /// <summary>Keeps the turn: what comes later is lost.</summary>
    private void CommitLast(GroupCommitter committer)
    {
        while (!TryTakeTurn())
        {
            if (_hasFailed)
                return;
            Thread.Sleep(1); // A caller's last batch.
        }
        while (committer.CommitBatch())
        {
        }
        committer.End(new CallUnansweredException("it was told to stop"));
    }
}

using Afs.Vice.Volumes.Commit;

namespace Afs.Vice.Hosting;

/// <summary>The thread of the one writer: it blocks on fsync, and nobody else does.</summary>
public sealed class CommitThread : IDisposable
{
    /// <summary>Not a SemaphoreSlim, which spins before it sleeps: that takes the processor from the call that it waits for.</summary>
    private readonly AutoResetEvent _wake = new(initialState: false);

    private Thread? _thread;
    private volatile bool _isStopping;

    /// <summary>Something waits. Safe before <see cref="Start"/> and after the end.</summary>
    public void Wake() => _wake.Set();

    /// <param name="failed">Gets what ends the thread: a broken invariant, after which nothing more is committed.</param>
    public void Start(GroupCommitter committer, Action<Exception> failed)
    {
        _thread = new Thread(() => Run(committer, failed)) { Name = "vice commit", IsBackground = true };
        _thread.Start();
    }

    /// <summary>What waits is committed first.</summary>
    public void Dispose()
    {
        _isStopping = true;
        Wake();
        _thread?.Join();
    }

    private void Run(GroupCommitter committer, Action<Exception> failed)
    {
        try
        {
            while (!_isStopping)
            {
                _wake.WaitOne();
                while (committer.CommitBatch())
                {
                }
            }
        }
        catch (Exception e)
        {
            failed(e);
        }
    }
}

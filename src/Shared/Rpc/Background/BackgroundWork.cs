namespace Afs.Rpc;

/// <summary>
/// The one way to start work that nobody awaits. It has a name, and what it throws is never lost: background work may not fail, so that a failure is a
/// broken invariant, of which others would wait for ever; it ends the process. Work that may fail says so inside, where it knows what to do then, or is
/// started with what takes its failure.
/// </summary>
public static class BackgroundWork
{
    private static Action<string, Exception> _ended = EndProcess;

    /// <summary>What a failure does; the host's to set, before it starts anything. Gets the work's name. By default the process ends at once.</summary>
    public static Action<string, Exception> WhenFailed
    {
        get => Volatile.Read(ref _ended);
        set => Volatile.Write(ref _ended, value);
    }

    /// <summary>Starts it here: what it does before its first wait is done when this returns.</summary>
    public static void Start(string name, Func<Task> work) => Start(name, work, Fail);

    /// <inheritdoc cref="Start(string, Func{Task})"/>
    /// <param name="name">What it is, for the log.</param>
    /// <param name="work">May fail.</param>
    /// <param name="failed">Takes its failure.</param>
    public static void Start(string name, Func<Task> work, Action<string, Exception> failed)
    {
        Task started;
        try
        {
            started = work();
        }
        catch (Exception e)
        {
            failed(name, e);
            return;
        }
        Watch(name, started, failed);
    }

    /// <summary>Work that was started already. The end of one that its owner cancelled is no failure.</summary>
    public static Task Watch(string name, Task started)
    {
        Watch(name, started, Fail);
        return started;
    }

    public static void Watch(string name, ValueTask started)
    {
        if (!started.IsCompletedSuccessfully)
            Watch(name, started.AsTask(), Fail);
    }

    /// <summary>For work that sees its own failure.</summary>
    public static void Fail(string name, Exception e) => WhenFailed(name, e);

    private static void Watch(string name, Task started, Action<string, Exception> failed)
    {
        if (started.IsCompletedSuccessfully)
            return;
        started.ContinueWith(
            static (task, state) =>
            {
                (string name, Action<string, Exception> failed) = ((string, Action<string, Exception>))state!;
                failed(name, task.Exception!.InnerException!);
            },
            (name, failed), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private static void EndProcess(string name, Exception e) => Environment.FailFast($"Background work failed: {name}", e);
}

/// <summary>Where work goes that mustn't hold up whoever found it: the thread pool, or the one thread of a simulation.</summary>
public static class WorkQueue
{
    /// <summary>Nothing but the machine decides which thread runs what, so that work may as well run where it was found.</summary>
    public static bool MayRunHere => SynchronizationContext.Current is null;

    public static void Add(IThreadPoolWorkItem work)
    {
        if (SynchronizationContext.Current is { } context)
            context.Post(static state => ((IThreadPoolWorkItem)state!).Execute(), work);
        else
            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }
}

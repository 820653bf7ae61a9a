namespace Afs.Rpc;

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

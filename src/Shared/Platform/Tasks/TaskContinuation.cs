namespace Afs.Platform;

/// <summary>
/// For a task that runs its continuations asynchronously: WaitAsync, WhenAny and WhenAll straight on it continue on the thread pool,
/// whatever context they were called in. Through this they continue where they were called, which a simulation on one thread needs.
/// </summary>
public static class TaskContinuation
{
    /// <summary>Ends as the task does. Costs one allocation, and as long as the task runs it can't be taken back.</summary>
    public static async Task ContinueHere(this Task task) => await task;

    /// <summary>Ends as the task does. Costs one allocation, and as long as the task runs it can't be taken back.</summary>
    public static async Task<T> ContinueHere<T>(this Task<T> task) => await task;
}

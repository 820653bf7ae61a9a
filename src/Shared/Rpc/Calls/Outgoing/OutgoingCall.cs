namespace Afs.Rpc;

/// <summary>
/// One call that waits for its reply. All but the task belongs to its <see cref="OutgoingCalls"/>. Whoever takes it out of there, reply,
/// deadline, cancellation or end, completes it; so it is completed once.
/// </summary>
internal sealed class OutgoingCall(int operation, bool isMutation, PooledBuffer? body, long deadline) : IThreadPoolWorkItem
{
    private readonly TaskCompletionSource<CallResult> _done = new();
    private CallResult _result;
    private int _hasResult;

    /// <summary>Ends when what became of the call was told. Who waits for it goes on where that was done.</summary>
    public Task<CallResult> Done => _done.Task;

    public int Operation => operation;

    public bool IsMutation => isMutation;

    /// <summary>The encoded request, owned by the caller until the call is completed; null for an upload, which has connections of its own.</summary>
    public PooledBuffer? Body => body;

    public long Deadline { get; set; } = deadline;

    /// <summary>Zero until it is first sent in its session.</summary>
    public CallSequence Sequence { get; set; }

    /// <summary>The clock from before the first transmission in this session; zero if there was none.</summary>
    public long FirstSent { get; set; }

    public bool WasSent => FirstSent != 0;

    /// <summary>When to send again without being asked.</summary>
    public long NextSend { get; set; } = Deadlines.Never;

    public int Transmissions { get; set; }

    public bool IsDone { get; set; }

    /// <summary>The caller goes on elsewhere, so that this may be called under a lock.</summary>
    public void Complete(CallResult result)
    {
        if (TrySetResult(result))
            WorkQueue.Add(this);
    }

    /// <summary>
    /// Says what became of it; whoever does must execute it. False: that was said before, as of an upload that was granted and whose session ends.
    /// </summary>
    public bool TrySetResult(CallResult result)
    {
        if (Interlocked.Exchange(ref _hasResult, 1) != 0)
            return false;
        _result = result;
        return true;
    }

    /// <summary>The caller goes on here.</summary>
    public void Execute() => _done.SetResult(_result);
}

namespace Afs.Rpc;

/// <summary>
/// One call that waits for its reply. All but the task belongs to its <see cref="OutgoingCalls"/>. Whoever takes it out of there, reply,
/// deadline, cancellation or end, completes it; so it is completed once.
/// </summary>
internal sealed class OutgoingCall(int operation, bool isMutation, PooledBuffer? body, long deadline)
    : TaskCompletionSource<CallResult>(TaskCreationOptions.RunContinuationsAsynchronously)
{
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
}

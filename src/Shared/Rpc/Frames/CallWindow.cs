namespace Afs.Rpc;

/// <summary>How far a direction's newest call may be ahead of the oldest one whose reply wasn't seen. It bounds the reply cache.</summary>
internal static class CallWindow
{
    public const ulong MaxCalls = 4096;

    /// <exception cref="MalformedMessageException">No correct peer has such a pair of numbers.</exception>
    public static void Check(CallSequence sequence, CallSequence seenThrough)
    {
        if (sequence.Value <= seenThrough.Value || sequence.Value - seenThrough.Value > MaxCalls)
            throw new MalformedMessageException($"Malformed call: number {sequence.Value}, with replies seen through {seenThrough.Value}.");
    }
}

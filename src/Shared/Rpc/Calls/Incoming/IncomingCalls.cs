using System.Diagnostics;

namespace Afs.Rpc;

/// <summary>
/// At most once, on the side that runs the calls: what runs, and the replies of what ran, until the caller has seen them.
/// (Birrell and Nelson, Implementing Remote Procedure Calls, 1984.) One per session at a server, one per connection at a client.
/// </summary>
/// <remarks>
/// Invariants: a number runs at most once while it is in the table; a number at or below <c>_forgotten</c> never runs again; a finished
/// mutation stays in the table, aborts included, until the caller says that it has seen the reply. A finished read leaves at once: it may run again.
/// </remarks>
internal sealed class IncomingCalls(RpcLimits limits, CallSequence forgottenThrough)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, IncomingCall> _calls = [];
    private ulong _forgotten = forgottenThrough.Value;
    private long _rememberedBytes;
    private int _running;

    /// <summary>Nothing runs.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
                return _running == 0;
        }
    }

    /// <summary>Decides about a call that arrived. After <see cref="Admission.Run"/>, <see cref="Finish"/> or <see cref="Abandon"/> must follow.</summary>
    public Admission Admit(CallSequence sequence, bool isMutation, out IncomingCall? call)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue(sequence.Value, out call))
                return call.IsFinished ? Admission.Replay : Admission.Running;
            if (sequence.Value <= _forgotten)
                return Admission.Stale;
            if (_running >= limits.ConcurrentCalls || (isMutation && _rememberedBytes > limits.RememberedReplyBytes))
                return Admission.Busy;
            call = new IncomingCall();
            _calls.Add(sequence.Value, call);
            _running++;
            return Admission.Run;
        }
    }

    /// <summary>The run ended with a result. <paramref name="remember"/>: keep it for duplicates.</summary>
    public void Finish(CallSequence sequence, DispatchResult result, ReadOnlySpan<byte> reply, bool remember)
    {
        TaskCompletionSource? ended = null;
        lock (_gate)
        {
            _running--;
            if (_calls.TryGetValue(sequence.Value, out IncomingCall? call))
            {
                ended = call.Ended;
                if (remember && sequence.Value > _forgotten)
                {
                    (call.Result, call.Reply, call.IsFinished) = (result, reply.ToArray(), true);
                    _rememberedBytes += reply.Length;
                }
                else
                {
                    _calls.Remove(sequence.Value);
                }
            }
        }

        ended?.TrySetResult();
    }

    /// <summary>The run ended before anything was done: the same call may run later.</summary>
    public void Abandon(CallSequence sequence) => Finish(sequence, default, default, remember: false);

    /// <summary>Ends when a call that runs has ended.</summary>
    public Task WhenEnded(IncomingCall call)
    {
        lock (_gate)
        {
            if (call.IsFinished)
                return Task.CompletedTask;
            call.Ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return call.Ended.Task;
        }
    }

    /// <summary>The caller has seen all replies up to here. True: it said so for the first time.</summary>
    public bool Forget(CallSequence through)
    {
        lock (_gate)
        {
            if (through.Value <= _forgotten)
                return false;

            // The numbers between are few where the caller is honest; the table is small in any case.
            if (through.Value - _forgotten <= (ulong)_calls.Count)
            {
                for (ulong sequence = _forgotten + 1; sequence <= through.Value; sequence++)
                    Drop(sequence);
            }
            else
            {
                foreach (ulong sequence in _calls.Keys.Where(key => key <= through.Value).ToArray())
                    Drop(sequence);
            }

            _forgotten = through.Value;
            return true;
        }
    }

    private void Drop(ulong sequence)
    {
        // A run that nobody waits for stays until it ends.
        if (_calls.TryGetValue(sequence, out IncomingCall? call) && call.IsFinished)
        {
            _rememberedBytes -= call.Reply.Length;
            _calls.Remove(sequence);
        }
    }

    /// <summary>Those above, for tests and simulation: counts agree, and what was forgotten is gone.</summary>
    public void CheckInvariants()
    {
        lock (_gate)
        {
            (int running, long bytes) = (0, 0);
            foreach ((ulong sequence, IncomingCall call) in _calls)
            {
                running += call.IsFinished ? 0 : 1;
                bytes += call.IsFinished ? call.Reply.Length : 0;
                if (call.IsFinished && sequence <= _forgotten)
                    throw new UnreachableException($"The reply of call {sequence} was forgotten and is still there.");
            }

            if (running != _running || bytes != _rememberedBytes || running > limits.ConcurrentCalls)
                throw new UnreachableException($"{running} calls run, {_running} are counted; {bytes} bytes of replies, {_rememberedBytes} are counted.");
        }
    }
}

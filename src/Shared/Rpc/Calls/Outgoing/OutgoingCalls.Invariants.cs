using System.Diagnostics;

namespace Afs.Rpc;

/// <content>Invariants, for tests and simulation.</content>
internal sealed partial class OutgoingCalls
{
    /// <summary>Those of the class, and its bounds.</summary>
    public void CheckInvariants()
    {
        lock (_gate)
        {
            ulong lowest = _next;
            foreach ((ulong sequence, OutgoingCall call) in _inFlight)
            {
                if (call.Sequence.Value != sequence || sequence < _lowest || sequence >= _next || call.IsDone)
                    throw new UnreachableException($"Call {sequence} is in flight, done: {call.IsDone}, where {_lowest} to {_next} may be.");
                lowest = Math.Min(lowest, sequence);
            }

            if (lowest != _lowest || _inFlight.Count > _limits.ConcurrentCalls || _waiting.Count > _limits.WaitingCalls + _limits.ConcurrentCalls)
                throw new UnreachableException($"{_inFlight.Count} calls are in flight from {lowest}, counted from {_lowest}; {_waiting.Count} wait.");
            if (_waiting.Any(static call => call.Sequence != default))
                throw new UnreachableException("A call that waits has a number.");
        }
    }
}

namespace Afs.Rpc;

internal sealed partial class OutgoingCalls
{
    /// <summary>
    /// One timer serves all calls: it is armed for the earliest moment at which any may need something, and looks at all when it fires.
    /// Most calls are answered long before, so it seldom fires at all.
    /// </summary>
    private void Tick()
    {
        List<OutgoingCall> late = [];
        lock (_gate)
        {
            if (_isClosed)
                return;
            _armedFor = Deadlines.Never;
            long now = _time.GetTimestamp();
            foreach (OutgoingCall call in _inFlight.Values.Concat(_waiting))
            {
                if (!call.IsDone && call.Deadline <= now)
                    late.Add(call);
            }

            foreach (OutgoingCall call in late)
                Remove(call);
            foreach (OutgoingCall call in InFlightInOrder())
            {
                if (call.NextSend <= now && _connection is not null && call.Body is not null)
                    Transmit(call);
                Arm(Math.Min(call.Deadline, call.NextSend));
            }

            DropDone();
            SendWaiting();
            foreach (OutgoingCall call in _waiting)
                Arm(call.Deadline);
        }

        FlushConnection();
        foreach (OutgoingCall call in late)
            call.Complete(CallResult.Of(InDoubt(call)));
    }

    /// <summary>Calls that were given up while they waited leave the queue here, so that they don't count against its bound for long.</summary>
    private void DropDone()
    {
        for (int i = _waiting.Count; i > 0; i--)
        {
            OutgoingCall call = _waiting.Dequeue();
            if (!call.IsDone)
                _waiting.Enqueue(call);
        }
    }

    private void Arm(long due)
    {
        if (due >= _armedFor)
            return;
        _armedFor = due;
        _timer.Change(Deadlines.ForTimer(_time.Until(due)), Timeout.InfiniteTimeSpan);
    }
}

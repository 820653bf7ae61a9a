namespace Afs.Rpc;

internal sealed partial class OutgoingCalls
{
    /// <summary>A connection of this session is ready: what is in flight is sent again, in order, then what waits.</summary>
    public void Attach(RpcConnection connection, SessionId session)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            (_connection, _session) = (connection, session);
            foreach (OutgoingCall call in InFlightInOrder().Where(call => call.Body is not null))
                Transmit(call);
            SendWaiting();
        }

        FlushConnection();
    }

    /// <summary>The connection is gone: calls wait for the next.</summary>
    public void Detach(RpcConnection connection)
    {
        lock (_gate)
        {
            if (_connection != connection)
                return;
            _connection = null;
            foreach (OutgoingCall call in _inFlight.Values)
                call.NextSend = Deadlines.Never;
        }
    }

    /// <summary>
    /// The session is gone, and with it the server's memory of its calls. Mutations in flight may have run: nobody can tell any more.
    /// Everything else waits for the next session, in its order.
    /// </summary>
    public void LoseSession()
    {
        List<OutgoingCall> inDoubt = [];
        lock (_gate)
        {
            (_connection, _session) = (null, default);
            var again = new Queue<OutgoingCall>();
            foreach (OutgoingCall call in InFlightInOrder())
            {
                if (call.Body is null || call.IsMutation)
                {
                    call.IsDone = true;
                    inDoubt.Add(call);
                    continue;
                }

                (call.Sequence, call.FirstSent, call.NextSend) = (default, 0, Deadlines.Never);
                again.Enqueue(call);
            }

            foreach (OutgoingCall call in _waiting)
                again.Enqueue(call);
            _waiting = again;
            _inFlight.Clear();
            (_next, _lowest) = (1, 1);
        }

        foreach (OutgoingCall call in inDoubt)
            call.Complete(CallResult.Of(OutcomeKind.Unknown));
    }

    /// <summary>No more calls: those in flight are in doubt, those that wait were surely not executed.</summary>
    public void Dispose()
    {
        OutgoingCall[] ended;
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            _connection = null;
            ended = [.. _inFlight.Values, .. _waiting.Where(call => !call.IsDone)];
            foreach (OutgoingCall call in ended)
                call.IsDone = true;
            _inFlight.Clear();
            _waiting.Clear();
        }

        _timer.Dispose();
        foreach (OutgoingCall call in ended)
            call.Complete(CallResult.Of(InDoubt(call)));
    }

    private List<OutgoingCall> InFlightInOrder()
    {
        List<OutgoingCall> calls = [.. _inFlight.Values];
        calls.Sort(static (a, b) => a.Sequence.Value.CompareTo(b.Sequence.Value));
        return calls;
    }
}

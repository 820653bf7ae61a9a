namespace Afs.Rpc;

/// <summary>
/// A connection's send queue. Frames are appended under a short lock and leave in batches: whoever flushes an idle queue sends, everyone
/// else's frames go along with the next batch. Beyond its bound, flushing waits: that is the back-pressure.
/// </summary>
internal sealed class FrameSender(IFrameConnection connection, TimeProvider time, int maxQueuedBytes, RpcStatistics statistics, Action<string> onFailure)
{
    private readonly Lock _gate = new();
    private PooledBuffer _filling = new();
    private PooledBuffer _flying = new();
    private TaskCompletionSource? _room;
    private bool _isSending;
    private bool _isClosed;
    private long _sendingSince;

    /// <summary>Queues a frame. It goes out with the next <see cref="FlushAsync"/>, by whomever.</summary>
    public void Append<TFrame>(TFrame frame, ReadOnlySpan<byte> body)
        where TFrame : struct, IFrame
    {
        lock (_gate)
        {
            if (!_isClosed)
                FrameWriter.Write(_filling, frame, body);
        }
    }

    /// <summary>Sends what is queued, or sees that it is being sent; returns when the queue has room for more.</summary>
    public ValueTask FlushAsync()
    {
        bool mustSend;
        Task room = Task.CompletedTask;
        lock (_gate)
        {
            mustSend = !_isSending && !_isClosed && _filling.Length > 0;
            _isSending |= mustSend;
            if (_filling.Length > maxQueuedBytes && !_isClosed)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }
        }

        if (mustSend)
            _ = SendQueuedAsync();
        return room.IsCompleted ? default : new ValueTask(room);
    }

    public ValueTask SendAsync<TFrame>(TFrame frame, ReadOnlySpan<byte> body = default)
        where TFrame : struct, IFrame
    {
        Append(frame, body);
        return FlushAsync();
    }

    /// <summary>For how long the peer hasn't taken what is being sent.</summary>
    public TimeSpan StalledFor
    {
        get
        {
            long since = Volatile.Read(ref _sendingSince);
            return since == 0 ? TimeSpan.Zero : time.GetElapsedTime(since);
        }
    }

    /// <summary>Drops what is queued; nothing is sent any more.</summary>
    public void Close()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _isClosed = true;
            _filling.Dispose();
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
    }

    /// <summary>One runs at a time, from the first frame in an empty queue until the queue is empty again.</summary>
    private async Task SendQueuedAsync()
    {
        try
        {
            while (TakeBatch())
            {
                await connection.SendAsync(_flying.WrittenMemory);
                statistics.CountSent(_flying.Length);
                _flying.Clear();
                Volatile.Write(ref _sendingSince, 0);
            }
        }
        catch (Exception e)
        {
            // Whatever it was, the queue can't go on: the connection ends with this as its reason.
            onFailure($"sending failed: {e.Message}");
        }
    }

    private bool TakeBatch()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            if (_filling.Length == 0 || _isClosed)
            {
                _isSending = false;
                return false;
            }

            (_filling, _flying) = (_flying, _filling);
            Volatile.Write(ref _sendingSince, Math.Max(1, time.GetTimestamp()));
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
        return true;
    }
}

using System.Runtime.CompilerServices;

namespace Afs.Rpc;

/// <summary>
/// Reads a control connection's frames, one after the other. What a frame sets off beside its handling, a call to run or a caller who goes
/// on, runs on the thread that read the frame if nothing more has come yet; the thread that brings the next frame then reads on
/// (leader and followers; Schmidt et al., Pattern-Oriented Software Architecture, volume 2). So a lone call is answered without
/// a change of threads, and a slow one holds up no frame. What more than one frame sets off goes to the thread pool.
/// </summary>
internal sealed class FrameLoop
{
    private readonly RpcConnection _connection;
    private readonly IFrameHandler _handler;
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action _readOn;

    /// <summary>Owned by the one who reads; set only while nobody does.</summary>
    private ValueTask<ReceivedFrame> _next;

    public FrameLoop(RpcConnection connection, IFrameHandler handler)
    {
        (_connection, _handler) = (connection, handler);
        _readOn = () => _ = ReadAsync();
    }

    /// <summary>Reads until the connection ends, and says why it did.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="MalformedMessageException">What came doesn't belong there.</exception>
    public Task<string> RunAsync()
    {
        _next = _connection.ReceiveAsync(FrameLimits.ControlBytes);
        _ = ReadAsync();
        return _ended.Task;
    }

    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                ReceivedFrame frame = await _next;
                if (HasEnded(frame))
                    return;
                FrameHandled handled = _handler.Handle(frame);
                await handled.Sent;
                _next = _connection.ReceiveAsync(FrameLimits.ControlBytes);
                if (handled.Work is { } work && !TryRunHere(work))
                    WorkQueue.Add(work);
                else if (handled.Work is not null)
                    return;
            }
        }
        catch (Exception e)
        {
            _ended.TrySetException(e);
        }
    }

    /// <summary>True: the work was run here, and another thread reads on, or will.</summary>
    private bool TryRunHere(IThreadPoolWorkItem work)
    {
        if (!WorkQueue.MayRunHere || _next.IsCompleted)
            return false;
        // Not an await, which would read on here if the next frame came in this moment.
        ValueTaskAwaiter<ReceivedFrame> next = _next.GetAwaiter();
        next.UnsafeOnCompleted(_readOn);
        work.Execute();
        return true;
    }

    private bool HasEnded(ReceivedFrame frame)
    {
        if (!frame.IsEnd && frame.Type != FrameType.Goodbye)
            return false;
        using (frame)
            _ended.TrySetResult(_handler.DescribeEnd(frame.IsEnd ? null : GoodbyeFrame.Read(frame.Content.Span)));
        return true;
    }
}

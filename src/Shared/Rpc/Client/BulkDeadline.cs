namespace Afs.Rpc;

/// <summary>The end of a bulk exchange at the latest: its deadline, its caller's cancellation, or the client's end.</summary>
internal sealed class BulkDeadline : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationTokenSource _any;

    public BulkDeadline(TimeProvider time, long deadline, CancellationToken caller, CancellationToken stopping)
    {
        _time = time;
        _deadline = new CancellationTokenSource(Deadlines.ForTimer(time.Until(deadline)), time);
        _any = CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token, caller, stopping);
    }

    public CancellationToken Token => _any.Token;

    public bool IsOver => _any.IsCancellationRequested;

    /// <summary>False: it was over before the delay was.</summary>
    public async ValueTask<bool> DelayAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, _time, _any.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _any.Dispose();
        _deadline.Dispose();
    }
}

namespace Afs.Rpc;

/// <summary>Tells what the caller's own reading or writing threw from what the connection threw: the first goes to the caller, the second is retried.</summary>
internal sealed class CallerFault
{
    private Exception? _caught;

    public bool Is(Exception e) => ReferenceEquals(e, _caught);

    public async ValueTask GuardAsync(Func<ValueTask> work)
    {
        try
        {
            await work();
        }
        catch (Exception e)
        {
            _caught = e;
            throw;
        }
    }

    public async ValueTask<T> GuardAsync<T>(Func<ValueTask<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e)
        {
            _caught = e;
            throw;
        }
    }
}

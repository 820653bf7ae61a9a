namespace Afs.Vice.Callbacks;

/// <summary>Small numbers for the promise table, given again once their promises are gone, and who has which. Safe for concurrent use.</summary>
internal sealed class HolderNumbers
{
    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private ClientSession?[] _sessions = new ClientSession?[64];
    private int _used;

    public int Take()
    {
        lock (_lock)
        {
            if (_free.TryPop(out int number))
                return number;
            if (_used == _sessions.Length)
                Array.Resize(ref _sessions, 2 * _used);
            return _used++;
        }
    }

    public void Assign(int number, ClientSession session)
    {
        lock (_lock)
            _sessions[number] = session;
    }

    /// <summary>Its promises no longer count, and are about to go.</summary>
    public void Unassign(int number)
    {
        lock (_lock)
            _sessions[number] = null;
    }

    /// <summary>No promise has it any more.</summary>
    public void Return(int number)
    {
        lock (_lock)
            _free.Push(number);
    }

    public ClientSession? Find(int number)
    {
        lock (_lock)
            return _sessions[number];
    }
}

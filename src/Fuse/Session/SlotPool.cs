namespace Afs.Fuse.Session;

/// <summary>Slots that no request uses. Keeps at most <c>retained</c> of them, and frees what comes beyond.</summary>
internal sealed class SlotPool(int maxPayloadBytes, int retained)
{
    private readonly Lock _lock = new();
    private readonly Stack<RequestSlot> _free = new(retained);
    private bool _closed;

    public RequestSlot Rent()
    {
        lock (_lock)
        {
            if (_free.TryPop(out RequestSlot? slot))
            {
                return slot;
            }
        }

        return new RequestSlot(maxPayloadBytes);
    }

    public void Return(RequestSlot slot)
    {
        lock (_lock)
        {
            if (!_closed && _free.Count < retained)
            {
                _free.Push(slot);
                return;
            }
        }

        slot.Free();
    }

    /// <summary>Frees what is here, and from then on everything that is returned.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            while (_free.TryPop(out RequestSlot? slot))
            {
                slot.Free();
            }
        }
    }
}

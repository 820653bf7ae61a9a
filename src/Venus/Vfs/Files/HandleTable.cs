using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>
/// Handles of what is open. A handle is a slot and the count of its uses, so that one used after its end finds nothing.
/// Bounded by what the kernel holds open.
/// </summary>
/// <param name="records">Where each is recorded for a successor of this daemon; null: nowhere.</param>
internal sealed class HandleTable<T>(IHandleRecords<T>? records = null)
    where T : class
{
    private const int UseShift = 32;
    private const int FirstCapacity = 256;

    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private Slot[] _slots = new Slot[FirstCapacity];
    private int _used;

    public FileHandle Add(T value)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out int index))
            {
                if (_used == _slots.Length)
                    Array.Resize(ref _slots, _used * 2);
                index = _used++;
            }

            ref Slot slot = ref _slots[index];
            slot.Value = value;
            slot.Uses++;
            var handle = new FileHandle((ulong)slot.Uses << UseShift | (uint)index);
            records?.Put(index, handle, value);
            return handle;
        }
    }

    public T? Find(FileHandle handle)
    {
        lock (_lock)
            return Holds(handle, out int index) ? _slots[index].Value : null;
    }

    public T? Remove(FileHandle handle)
    {
        lock (_lock)
        {
            if (!Holds(handle, out int index))
                return null;
            T? value = _slots[index].Value;
            records?.Clear(index);
            _slots[index].Value = null;
            _free.Push(index);
            return value;
        }
    }

    /// <summary>One that a predecessor made, by its record. In the order of places, before the first <see cref="Add"/>.</summary>
    public void TakeOver(FileHandle handle, T value)
    {
        lock (_lock)
            TakeSlot(handle, value);
    }

    /// <summary>
    /// One of a predecessor that is closed, or can't be taken over. It isn't given again, since its release may be sent again; what comes for it finds nothing.
    /// </summary>
    public void TakeOverClosed(FileHandle handle)
    {
        lock (_lock)
        {
            int index = TakeSlot(handle, value: null);
            records?.Clear(index);
            _free.Push(index);
        }
    }

    /// <summary>Takes out all that is left, at the end of the mount.</summary>
    public IReadOnlyList<T> Drain()
    {
        lock (_lock)
        {
            var left = new List<T>();
            for (int index = 0; index < _used; index++)
            {
                if (_slots[index].Value is not { } value)
                    continue;
                left.Add(value);
                _slots[index].Value = null;
                _free.Push(index);
            }

            return left;
        }
    }

    private int TakeSlot(FileHandle handle, T? value)
    {
        int index = (int)(handle.Value & uint.MaxValue);
        while (_slots.Length <= index)
            Array.Resize(ref _slots, _slots.Length * 2);
        for (; _used < index; _used++)
            _free.Push(_used);
        _used = index + 1;
        _slots[index] = new Slot { Value = value, Uses = (uint)(handle.Value >> UseShift) };
        return index;
    }

    private bool Holds(FileHandle handle, out int index)
    {
        ulong slot = handle.Value & uint.MaxValue;
        index = slot < (ulong)_used ? (int)slot : 0;
        return slot < (ulong)_used && _slots[index].Uses == (uint)(handle.Value >> UseShift) && _slots[index].Value is not null;
    }

    private struct Slot
    {
        public T? Value;
        public uint Uses;
    }
}

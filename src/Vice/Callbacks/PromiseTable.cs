using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// Who was promised what. A promise is held from its grant until its break was acknowledged: while a break is under way, a further
/// change of the same vnode still finds it. Bounded: past the capacity the longest unasked promises are broken.
/// Memory is five arrays of structs, about 80 bytes for a promise on a vnode of its own. All methods are short and take one lock.
/// </summary>
public sealed partial class PromiseTable
{
    /// <summary>So many are broken together when the table is full, so that the breaks share calls.</summary>
    public const int EvictionBatch = 256;

    private const int None = -1;

    private readonly Lock _lock = new();
    private readonly int _capacity;
    private readonly int _mostNodes;
    private uint _lastTicket;

    /// <param name="capacity">Promises that are held before the oldest are broken. Beyond it, an eighth more may be in the middle of being broken.</param>
    public PromiseTable(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _capacity = capacity;
        _mostNodes = capacity + Math.Max(capacity / 8, 4 * EvictionBatch);
        Array.Fill(_promiseBuckets, None);
        Array.Fill(_fileBuckets, None);
    }

    /// <summary>Promises held, those being broken included.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _promiseCount;
        }
    }

    /// <summary>
    /// Grants, or renews. Those that must go for it are added to <paramref name="evicted"/>: the caller breaks them.
    /// False: too many are being broken; this one was not granted, and the caller must drop all that the holder has.
    /// </summary>
    public bool TryGrant(int holder, Fid fid, List<HeldPromise> evicted)
    {
        lock (_lock)
        {
            int file = FindFile(fid);
            int promise = file == None ? None : FindPromise(file, holder);
            if (promise != None)
            {
                // One that was being broken counts again.
                if (_promises[promise].Ticket != 0 && _promiseCount - _breakingCount >= _capacity)
                    Evict(evicted);
                Renew(promise);
                return true;
            }
            if (_promiseCount - _breakingCount >= _capacity)
                Evict(evicted);
            if (_promiseCount >= _mostNodes)
                return false;
            AddPromise(file == None ? AddFile(fid) : file, holder);
            return true;
        }
    }

    /// <summary>Every holder of a promise on the vnode but one, each with a ticket for its break.</summary>
    public void Collect(Fid fid, int except, List<HeldPromise> into)
    {
        lock (_lock)
        {
            int file = FindFile(fid);
            if (file == None)
                return;
            for (int promise = _files[file].First; promise != None; promise = _promises[promise].NextInFile)
            {
                if (_promises[promise].Holder != except)
                    into.Add(new HeldPromise(_promises[promise].Holder, fid, BeginBreaking(promise)));
            }
        }
    }

    /// <summary>The break was acknowledged.</summary>
    public void Acknowledge(HeldPromise broken)
    {
        lock (_lock)
        {
            int promise = Find(broken.Holder, broken.Fid);
            if (promise != None && _promises[promise].Ticket == broken.Ticket)
                RemovePromise(promise);
        }
    }

    /// <summary>The holder needs it no longer. One that is being broken stays until that is acknowledged.</summary>
    public void GiveUp(int holder, Fid fid)
    {
        lock (_lock)
        {
            int promise = Find(holder, fid);
            if (promise != None && _promises[promise].Ticket == 0)
                RemovePromise(promise);
        }
    }

    /// <summary>Promises that a holder has, those being broken included.</summary>
    public int CountOf(int holder)
    {
        lock (_lock)
            return holder < _countOfHolder.Length ? _countOfHolder[holder] : 0;
    }

    public bool IsHeld(int holder, Fid fid)
    {
        lock (_lock)
            return Find(holder, fid) != None;
    }

    /// <summary>Drops some of all that a holder has; true: there is more. In pieces, so that the lock is never held for long.</summary>
    public bool DropSome(int holder, int most)
    {
        lock (_lock)
        {
            int promise = FirstOfHolder(holder);
            for (int i = 0; i < most && promise != None; i++)
            {
                RemovePromise(promise);
                promise = FirstOfHolder(holder);
            }
            return promise != None;
        }
    }

    private int Find(int holder, Fid fid)
    {
        int file = FindFile(fid);
        return file == None ? None : FindPromise(file, holder);
    }

    private void Renew(int promise)
    {
        ref Promise p = ref _promises[promise];
        if (p.Ticket == 0)
            UnlinkAge(promise);
        else
            _breakingCount--;
        p.Ticket = 0;
        LinkNewest(promise);
    }

    private uint BeginBreaking(int promise)
    {
        ref Promise p = ref _promises[promise];
        if (p.Ticket == 0)
        {
            UnlinkAge(promise);
            _breakingCount++;
        }

        // Zero means "not being broken"; a ticket comes round again only after four thousand million breaks.
        p.Ticket = ++_lastTicket == 0 ? ++_lastTicket : _lastTicket;
        return p.Ticket;
    }

    private void Evict(List<HeldPromise> evicted)
    {
        for (int i = 0; i < EvictionBatch && _oldest != None; i++)
        {
            int promise = _oldest;
            Fid fid = _files[_promises[promise].File].Fid;
            evicted.Add(new HeldPromise(_promises[promise].Holder, fid, BeginBreaking(promise)));
        }
    }
}

using System.Runtime.InteropServices;
using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// Who was promised what. A promise is held from its grant until its break was acknowledged: while a break is under way, a further
/// change of the same vnode still finds it. Bounded: past the capacity the longest unasked promises are broken of whoever holds the most, so that nobody who
/// asks for much takes what others have (longest queue drop; Suter et al., INFOCOM 1998).
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

    /// <summary>Whole batches of one holder, so that its breaks share calls.</summary>
    private void Evict(List<HeldPromise> evicted)
    {
        int last = evicted.Count + EvictionBatch;
        while (evicted.Count < last && FindLargest() is var holder && holder != None)
        {
            while (evicted.Count < last && _ages[holder].Oldest is var promise && promise != None)
            {
                Fid fid = _files[_promises[promise].File].Fid;
                evicted.Add(new HeldPromise(holder, fid, BeginBreaking(promise)));
            }
        }
    }

    /// <summary>The holder with the most promises that aren't being broken. Looks at all, once for each batch.</summary>
    private int FindLargest()
    {
        int largest = None, most = 0;
        for (int holder = 0; holder < _ages.Length; holder++)
        {
            if (_ages[holder].Count > most)
                (largest, most) = (holder, _ages[holder].Count);
        }
        return largest;
    }

    private const int FirstSize = 1024;

    private Promise[] _promises = new Promise[FirstSize];
    private VnodeNode[] _files = new VnodeNode[FirstSize];
    private int[] _promiseBuckets = new int[FirstSize];
    private int[] _fileBuckets = new int[FirstSize];
    private int[] _firstOfHolder = [];
    private int[] _countOfHolder = [];
    private AgeList[] _ages = [];

    private int _promiseCount, _promisesUsed, _freePromise = None;
    private int _fileCount, _filesUsed, _freeFile = None;
    private int _breakingCount;

    private struct Promise
    {
        public int File, Holder;
        public int NextInFile, PreviousInFile;
        public int NextOfHolder, PreviousOfHolder;
        public int NextByAge, PreviousByAge;
        public int NextInBucket;

        /// <summary>Zero: held. Else the ticket of the latest break.</summary>
        public uint Ticket;
    }

    /// <summary>A holder's promises that aren't being broken, by when they were last asked for.</summary>
    private struct AgeList
    {
        public int Oldest, Newest, Count;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct VnodeNode
    {
        public ulong Vnode;
        public uint Volume, Uniquifier;
        public int First, NextInBucket;

        public readonly Fid Fid => new(new VolumeId(Volume), new VnodeNumber(Vnode), new Uniquifier(Uniquifier));
    }

    private int FirstOfHolder(int holder) => holder < _firstOfHolder.Length ? _firstOfHolder[holder] - 1 : None;

    private int FindFile(Fid fid)
    {
        for (int file = _fileBuckets[FileBucket(fid)]; file != None; file = _files[file].NextInBucket)
        {
            if (_files[file].Fid == fid)
                return file;
        }
        return None;
    }

    private int FindPromise(int file, int holder)
    {
        for (int promise = _promiseBuckets[PromiseBucket(file, holder)]; promise != None; promise = _promises[promise].NextInBucket)
        {
            if (_promises[promise].File == file && _promises[promise].Holder == holder)
                return promise;
        }
        return None;
    }

    private int AddFile(Fid fid)
    {
        if (_freeFile == None && _filesUsed == _files.Length)
            GrowFiles();
        int file = _freeFile != None ? _freeFile : _filesUsed++;
        if (file == _freeFile)
            _freeFile = _files[file].NextInBucket;
        ref int bucket = ref _fileBuckets[FileBucket(fid)];
        _files[file] = new VnodeNode
        {
            Vnode = fid.Vnode.Value,
            Volume = fid.Volume.Value,
            Uniquifier = fid.Uniquifier.Value,
            First = None,
            NextInBucket = bucket,
        };
        bucket = file;
        _fileCount++;
        return file;
    }

    private void RemoveFile(int file)
    {
        ref int link = ref _fileBuckets[FileBucket(_files[file].Fid)];
        while (link != file)
            link = ref _files[link].NextInBucket;
        link = _files[file].NextInBucket;
        _files[file] = new VnodeNode { NextInBucket = _freeFile };
        _freeFile = file;
        _fileCount--;
    }

    private void AddPromise(int file, int holder)
    {
        if (_freePromise == None && _promisesUsed == _promises.Length)
            GrowPromises();
        if (holder >= _firstOfHolder.Length)
        {
            Array.Resize(ref _firstOfHolder, Math.Max(16, 2 * (holder + 1)));
            Array.Resize(ref _countOfHolder, _firstOfHolder.Length);
            int known = _ages.Length;
            Array.Resize(ref _ages, _firstOfHolder.Length);
            Array.Fill(_ages, new AgeList { Oldest = None, Newest = None }, known, _ages.Length - known);
        }
        int promise = _freePromise != None ? _freePromise : _promisesUsed++;
        if (promise == _freePromise)
            _freePromise = _promises[promise].NextInBucket;

        ref int bucket = ref _promiseBuckets[PromiseBucket(file, holder)];
        int nextInFile = _files[file].First, nextOfHolder = FirstOfHolder(holder);
        _promises[promise] = new Promise
        {
            File = file,
            Holder = holder,
            NextInFile = nextInFile,
            PreviousInFile = None,
            NextOfHolder = nextOfHolder,
            PreviousOfHolder = None,
            NextInBucket = bucket,
        };
        bucket = promise;
        if (nextInFile != None)
            _promises[nextInFile].PreviousInFile = promise;
        if (nextOfHolder != None)
            _promises[nextOfHolder].PreviousOfHolder = promise;
        _files[file].First = promise;
        _firstOfHolder[holder] = promise + 1;
        _countOfHolder[holder]++;
        LinkNewest(promise);
        _promiseCount++;
    }

    private void RemovePromise(int promise)
    {
        Promise p = _promises[promise];
        if (p.Ticket == 0)
            UnlinkAge(promise);
        else
            _breakingCount--;
        UnlinkBucket(promise, p);

        if (p.PreviousInFile != None)
            _promises[p.PreviousInFile].NextInFile = p.NextInFile;
        else
            _files[p.File].First = p.NextInFile;
        if (p.NextInFile != None)
            _promises[p.NextInFile].PreviousInFile = p.PreviousInFile;

        if (p.PreviousOfHolder != None)
            _promises[p.PreviousOfHolder].NextOfHolder = p.NextOfHolder;
        else
            _firstOfHolder[p.Holder] = p.NextOfHolder + 1;
        if (p.NextOfHolder != None)
            _promises[p.NextOfHolder].PreviousOfHolder = p.PreviousOfHolder;

        _countOfHolder[p.Holder]--;
        if (_files[p.File].First == None)
            RemoveFile(p.File);
        _promises[promise] = new Promise { NextInBucket = _freePromise };
        _freePromise = promise;
        _promiseCount--;
    }

    private void UnlinkBucket(int promise, in Promise p)
    {
        ref int link = ref _promiseBuckets[PromiseBucket(p.File, p.Holder)];
        while (link != promise)
            link = ref _promises[link].NextInBucket;
        link = p.NextInBucket;
    }

    private void LinkNewest(int promise)
    {
        ref AgeList ages = ref _ages[_promises[promise].Holder];
        _promises[promise].PreviousByAge = ages.Newest;
        _promises[promise].NextByAge = None;
        if (ages.Newest != None)
            _promises[ages.Newest].NextByAge = promise;
        else
            ages.Oldest = promise;
        ages.Newest = promise;
        ages.Count++;
    }

    private void UnlinkAge(int promise)
    {
        ref AgeList ages = ref _ages[_promises[promise].Holder];
        (int next, int previous) = (_promises[promise].NextByAge, _promises[promise].PreviousByAge);
        if (previous != None)
            _promises[previous].NextByAge = next;
        else
            ages.Oldest = next;
        if (next != None)
            _promises[next].PreviousByAge = previous;
        else
            ages.Newest = previous;
        ages.Count--;
    }

    private void GrowFiles()
    {
        Array.Resize(ref _files, NextSize(_files.Length));
        _fileBuckets = new int[_files.Length];
        Array.Fill(_fileBuckets, None);
        for (int file = 0; file < _filesUsed; file++)
        {
            ref int bucket = ref _fileBuckets[FileBucket(_files[file].Fid)];
            _files[file].NextInBucket = bucket;
            bucket = file;
        }
    }

    private void GrowPromises()
    {
        Array.Resize(ref _promises, NextSize(_promises.Length));
        _promiseBuckets = new int[_promises.Length];
        Array.Fill(_promiseBuckets, None);
        for (int promise = 0; promise < _promisesUsed; promise++)
        {
            ref int bucket = ref _promiseBuckets[PromiseBucket(_promises[promise].File, _promises[promise].Holder)];
            _promises[promise].NextInBucket = bucket;
            bucket = promise;
        }
    }

    /// <summary>Doubles, but never past what the bound allows. Growing happens only when no node is free, so that all are in buckets.</summary>
    private int NextSize(int size) => Math.Min(2 * size, Math.Max(_mostNodes, size + 1));

    private int FileBucket(Fid fid) =>
        (int)((uint)HashCode.Combine(fid.Vnode.Value, fid.Volume.Value, fid.Uniquifier.Value) % (uint)_fileBuckets.Length);

    private int PromiseBucket(int file, int holder) => (int)((uint)HashCode.Combine(file, holder) % (uint)_promiseBuckets.Length);

    /// <summary>INVARIANT: each promise is on its vnode's and its holder's list once, and by age exactly if it is not being broken; counts agree; bounds hold.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            int byFile = 0, breaking = 0;
            foreach (int head in _fileBuckets)
            {
                for (int file = head; file != None; file = _files[file].NextInBucket)
                    byFile += CountOf(file, ref breaking);
            }
            int byAge = 0;
            for (int holder = 0; holder < _ages.Length; holder++)
            {
                int before = byAge;
                for (int promise = _ages[holder].Oldest; promise != None; promise = _promises[promise].NextByAge)
                    byAge += _promises[promise].Holder == holder ? 1 : 0;
                Require(byAge - before == _ages[holder].Count, "promises of a holder by age");
            }
            int byHolder = 0;
            for (int holder = 0; holder < _firstOfHolder.Length; holder++)
            {
                for (int promise = FirstOfHolder(holder); promise != None; promise = _promises[promise].NextOfHolder)
                    byHolder++;
            }
            Require(byFile == _promiseCount, "promises by vnode");
            Require(byHolder == _promiseCount, "promises by holder");
            Require(breaking == _breakingCount, "promises being broken");
            Require(byAge == _promiseCount - _breakingCount, "promises by age");
            Require(_promiseCount <= _mostNodes && byAge <= _capacity, "bounds");
        }
    }

    private int CountOf(int file, ref int breaking)
    {
        int count = 0;
        for (int promise = _files[file].First; promise != None; promise = _promises[promise].NextInFile)
        {
            Require(FindPromise(file, _promises[promise].Holder) == promise, "hash of promises");
            breaking += _promises[promise].Ticket == 0 ? 0 : 1;
            count++;
        }
        Require(count > 0, "a vnode without promises");
        return count;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new InvalidOperationException($"Promise table: {what}.");
    }
}

using System.Runtime.InteropServices;
using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <content>
/// The nodes and their lists. A promise is on four: of its vnode, of its holder, of its hash bucket, and by age unless it is being
/// broken. Indexes into arrays instead of references: half the memory, and nothing for the garbage collector to walk.
/// </content>
public sealed partial class PromiseTable
{
    private const int FirstSize = 1024;

    private Promise[] _promises = new Promise[FirstSize];
    private VnodeNode[] _files = new VnodeNode[FirstSize];
    private int[] _promiseBuckets = new int[FirstSize];
    private int[] _fileBuckets = new int[FirstSize];
    private int[] _firstOfHolder = [];
    private int[] _countOfHolder = [];

    private int _promiseCount, _promisesUsed, _freePromise = None;
    private int _fileCount, _filesUsed, _freeFile = None;
    private int _breakingCount;
    private int _oldest = None, _newest = None;

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
        _promises[promise].PreviousByAge = _newest;
        _promises[promise].NextByAge = None;
        if (_newest != None)
            _promises[_newest].NextByAge = promise;
        else
            _oldest = promise;
        _newest = promise;
    }

    private void UnlinkAge(int promise)
    {
        (int next, int previous) = (_promises[promise].NextByAge, _promises[promise].PreviousByAge);
        if (previous != None)
            _promises[previous].NextByAge = next;
        else
            _oldest = next;
        if (next != None)
            _promises[next].PreviousByAge = previous;
        else
            _newest = previous;
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
}

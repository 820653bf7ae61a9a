using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>One range that is locked. It is valid if <see cref="IsHeld"/> isn't zero, which is written last and cleared first.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct LockRecord
{
    public const int SizeBytes = 64;

    public ulong Owner;
    public ulong Start, End;
    public ulong Handle;
    public ulong Vnode;
    public uint Volume, Uniquifier;
    public uint Pid;
    public byte Kind, IsFlock, IsSilent, MayBeClosed, IsHeld;
}

/// <summary>
/// Keeps the records of locks in step with <see cref="LockTable"/>, under its lock. Without an array nothing is kept. Requests that wait aren't recorded, since the
/// kernel sends them again. It also sends those again that were granted and not answered: they are granted once more.
/// </summary>
internal sealed class LockRecords(IRecordArray? array)
{
    private readonly Stack<int> _free = new();
    private int _used;

    public void Add(Fid fid, HeldLock held)
    {
        if (array is null)
            return;
        if (!_free.TryPop(out int index))
            index = _used++;
        held.Record = index;
        ref LockRecord record = ref At(index);
        record = new LockRecord
        {
            Owner = held.Lock.Owner,
            Start = held.Lock.Start,
            End = held.Lock.End,
            Handle = held.Handle.Value,
            Vnode = fid.Vnode.Value,
            Volume = fid.Volume.Value,
            Uniquifier = fid.Uniquifier.Value,
            Pid = held.Lock.Pid,
            Kind = (byte)held.Lock.Kind,
            IsFlock = held.Lock.IsFlock ? (byte)1 : (byte)0,
            IsSilent = held.IsSilent ? (byte)1 : (byte)0,
            MayBeClosed = held.MayBeClosed ? (byte)1 : (byte)0,
        };
        Volatile.Write(ref record.IsHeld, 1);
    }

    /// <summary>One end of its range moved.</summary>
    public void Change(HeldLock held)
    {
        if (held.Record < 0)
            return;
        ref LockRecord record = ref At(held.Record);
        Volatile.Write(ref record.Start, held.Lock.Start);
        Volatile.Write(ref record.End, held.Lock.End);
    }

    public void Remove(HeldLock held)
    {
        if (held.Record < 0)
            return;
        Volatile.Write(ref At(held.Record).IsHeld, 0);
        _free.Push(held.Record);
    }

    /// <summary>
    /// What a predecessor recorded. Called once, before anything is added. The open files may have been closed while no daemon was there to hear of it. A record of a lock that
    /// can't exist is damaged, and is cleared.
    /// </summary>
    public IReadOnlyList<(Fid Fid, HeldLock Held)> TakeOver()
    {
        var found = new List<(Fid, HeldLock)>();
        for (int index = 0; array is not null && index < array.Count; index++)
        {
            ref LockRecord record = ref At(index);
            bool isSound = record.Kind is (byte)FileLockKind.Read or (byte)FileLockKind.Write && record.Start <= record.End;
            if (record.IsHeld == 0 || !isSound)
            {
                record.IsHeld = 0;
                continue;
            }
            for (; _used < index; _used++)
                _free.Push(_used);
            _used = index + 1;
            var range = new FileLock(record.Owner, record.Start, record.End, (FileLockKind)record.Kind, record.Pid, record.IsFlock != 0);
            var held = new HeldLock(range, new FileHandle(record.Handle), record.IsSilent != 0) { MayBeClosed = true, Record = index };
            found.Add((new Fid(new VolumeId(record.Volume), new VnodeNumber(record.Vnode), new Uniquifier(record.Uniquifier)), held));
        }
        return found;
    }

    private ref LockRecord At(int index) => ref MemoryMarshal.AsRef<LockRecord>(array!.At(index));
}

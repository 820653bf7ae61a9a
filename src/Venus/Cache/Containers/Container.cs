using System.Diagnostics;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// One container file and what is known of it. Shared by all its uses.
///
/// INVARIANTS, under its lock, which is a leaf:
///  - the file is opened when somebody who pins it first needs it, and closed after the last pin: a descriptor costs more than the rest of
///    an open, and passthrough reads without one;
///  - a clean container's content is that of its base version, unless <see cref="EverWritten"/> and the file differs from the baseline;
///  - the index hears of each change of state in the order in which it happened here;
///  - one that is open for writing is never dirty, which says that it was closed: until the last writer left, a power loss may tear it.
/// </summary>
internal sealed class Container(ContainerRecord record, IContainerFiles files, IContainerIndex index, string bootId)
{
    private readonly Lock _lock = new();
    private IDiskFile? _file;
    private Task? _marking;
    private Task<Failure>? _storing;
    private int _pins;
    private int _writers;
    private ContainerFate _fate;

    /// <summary>The time that was last set and told to the server while nothing else was known to be changed, and somebody could write.</summary>
    private Timestamp? _timeSet;

    public ContainerId Id => record.Id;

    public Fid Fid => record.Fid;

    public DataVersion BaseVersion { get; private set; } = record.Base;

    public ContainerState State { get; private set; } = record.State;

    public uint Crc32C { get; private set; } = record.Crc32C;

    public ContainerStat Baseline { get; private set; } = record.Baseline;

    /// <summary>From before a crash: its content is checked by its checksum before it is used.</summary>
    public bool NeedsVerify { get; set; }

    /// <summary>It was being changed when the daemon died, and what becomes of the change isn't decided yet.</summary>
    public bool NeedsRecovery { get; set; }

    /// <summary>It was being changed when the machine lost its power: some of the change may be missing, unless it was marked dirty.</summary>
    public bool MayBeTorn { get; init; }

    /// <summary>It was open for writing, so that a mapping may still write to it: never trusted without a look at the file.</summary>
    public bool EverWritten { get; set; }

    /// <summary>The sums of the blocks of the base version; null where they aren't known.</summary>
    public BlockSums? Blocks { get; private set; }

    /// <summary>Of one that was announced before its content was there; null else.</summary>
    public Arrival? Arrival { get; init; }

    /// <summary>Opens for writing so far.</summary>
    public int WritesBegun { get; private set; }

    /// <summary>Somebody without the right to keep set-id bits wrote, and no store has said so yet.</summary>
    public bool KillSetId { get; set; }

    /// <summary>Ticks of the clock that orders evictions.</summary>
    public long LastUsed { get; set; }

    public bool IsRemovedHere => _fate == ContainerFate.RemovedHere;

    /// <summary>The vnode was removed elsewhere and the content was moved to the recovered folder.</summary>
    public bool IsParked => _fate == ContainerFate.Parked;

    public bool IsGone => _fate == ContainerFate.Gone;

    public bool HasWriters => Volatile.Read(ref _writers) > 0;

    public bool IsPinned => Volatile.Read(ref _pins) > 0;

    /// <summary>What the processes of this client share, whatever the server has.</summary>
    public bool IsLocal => HasWriters || State != ContainerState.Clean || IsRemovedHere;

    /// <summary>Only while pinned.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public IDiskFile File
    {
        get
        {
            lock (_lock)
                return OpenFile();
        }
    }

    /// <summary>Keeps the file open, and the container from eviction. False: it is gone.</summary>
    /// <exception cref="DiskException">The file can't be opened; it isn't pinned then.</exception>
    public bool TryPin()
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Gone)
                return false;
            _file ??= files.Open(Id);
            _pins++;
            return true;
        }
    }

    /// <summary>Keeps the container from eviction, and opens its file when that is first needed. False: it is gone.</summary>
    public bool TryPinClosed()
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Gone)
                return false;
            _pins++;
            return true;
        }
    }

    /// <summary>May somebody other than this daemon write to it? False only where the kernel denies it. Only while pinned.</summary>
    /// <exception cref="DiskException">The file can't be opened.</exception>
    public bool MayBeWrittenOutside()
    {
        lock (_lock)
            return _file is not null || files.MayBeWritten(Id); // The daemon's own descriptor would be taken for a writer's.
    }

    /// <summary>One of its pins writes from here on.</summary>
    public void BeginWriting()
    {
        lock (_lock)
        {
            _writers++;
            WritesBegun++;
            EverWritten = true;
        }
    }

    public Unpinned Unpin(bool wasWriting)
    {
        IDiskFile? close = null;
        Unpinned after = default;
        lock (_lock)
        {
            if (wasWriting && --_writers == 0)
            {
                SettleIfUnchanged();
                after.IsLeftUnstored = State == ContainerState.Writing && _fate == ContainerFate.Current;
            }
            if (--_pins == 0)
            {
                after.WasLast = true;
                (close, _file) = (_file, null);
                after.IsToDelete = _fate is ContainerFate.Superseded or ContainerFate.RemovedHere;
                if (after.IsToDelete || IsParked)
                    _fate = ContainerFate.Gone;
            }
        }
        close?.Dispose();
        return after;
    }

    /// <summary>What the file says of itself. Only while pinned.</summary>
    public ContainerStat GetStat()
    {
        lock (_lock)
            return files.Stat(OpenFile());
    }

    /// <summary>All of its content came.</summary>
    /// <param name="blocks">Its sums, where they are known.</param>
    public ContainerRecord Arrived(ContainerStat at, BlockSums? blocks)
    {
        lock (_lock)
        {
            (Baseline, Blocks) = (at, blocks);
            return Record();
        }
    }

    /// <summary>Its content matches its checksum, and the file is as <paramref name="at"/>.</summary>
    public void Verified(ContainerStat at)
    {
        lock (_lock)
        {
            NeedsVerify = false;
            Baseline = at;
        }
    }

    /// <summary>Does the file differ from what was fetched or last stored? Only while pinned.</summary>
    public bool IsChanged()
    {
        lock (_lock)
            return files.Stat(OpenFile()).Differs(Baseline);
    }

    /// <summary>The index knows that it is being written when this completes.</summary>
    public async ValueTask MarkWritingAsync()
    {
        Task marking;
        ContainerState before = ContainerState.Clean;
        lock (_lock)
        {
            if (_marking is null or { IsCompleted: true })
            {
                // Also one that is dirty: from here on it isn't what was closed.
                if (State == ContainerState.Writing)
                    return;
                (before, State) = (State, ContainerState.Writing);
                _marking = index.PutAsync(Record(), outlastsPowerLoss: before == ContainerState.Dirty).AsTask();
            }
            marking = _marking;
        }
        try
        {
            index.Commit();
            await marking;
        }
        catch (DiskException)
        {
            lock (_lock)
            {
                if (State == ContainerState.Writing)
                    State = before;
            }
            throw;
        }
    }

    /// <summary>
    /// Changed and closed: after a crash it is stored whatever the server has meanwhile, and so it is on stable storage first. Only while pinned.
    /// Nothing where somebody has it open for writing, or had since this began: that one's close comes later.
    /// </summary>
    public async ValueTask MarkDirtyAsync()
    {
        int begun = WritesBegun;
        if (HasWriters)
            return;
        IDiskFile file = File;
        file.Sync();
        ValueTask put;
        lock (_lock)
        {
            if (_writers > 0 || WritesBegun != begun || State == ContainerState.Dirty)
                return;
            State = ContainerState.Dirty;
            put = index.PutAsync(Record());
        }
        index.Commit();
        await put;
    }

    /// <summary>
    /// The content as of <paramref name="at"/> is the server's version now. It is clean, unless somebody still writes, or it changed since: then
    /// no close has finished that.
    /// </summary>
    public void Stored(DataVersion version, uint crc32C, ContainerStat at, BlockSums? blocks)
    {
        lock (_lock)
        {
            (BaseVersion, Crc32C, Baseline, Blocks, _timeSet) = (version, crc32C, at, blocks, null);
            NeedsVerify = false;
            Become(_writers > 0 || files.Stat(OpenFile()).Differs(at) ? ContainerState.Writing : ContainerState.Clean);
        }
    }

    /// <summary>Sums that were read from the file, from when <see cref="WritesBegun"/> was so many on. Nothing where it may have changed since.</summary>
    public void AdoptBlocks(BlockSums blocks, int writesBegun)
    {
        lock (_lock)
        {
            if (WritesBegun == writesBegun && State == ContainerState.Clean && !files.Stat(OpenFile()).Differs(Baseline))
                Blocks = blocks;
        }
    }

    /// <summary>The server has another idea of the base version: the next store is whole.</summary>
    public void ForgetBlocks()
    {
        lock (_lock)
            Blocks = null;
    }

    /// <summary>The last writer left and nothing was changed.</summary>
    public void SettleClean()
    {
        lock (_lock)
            SettleIfUnchanged();
    }

    /// <summary>A crash left it marked, and its content turned out to be that of its base version.</summary>
    public void SettleUnchanged()
    {
        lock (_lock)
        {
            (NeedsVerify, Baseline) = (false, files.Stat(OpenFile()));
            Become(ContainerState.Clean);
        }
    }

    /// <summary>The content differs from what was stored, though the file doesn't look so: whatever compares with the baseline finds it changed.</summary>
    public void ForgetBaseline()
    {
        lock (_lock)
            Baseline = default;
    }

    /// <summary>
    /// Sets the file's modification time, which the server was told; a clean one stays clean. Where somebody may write at this moment, ctime can't say whether
    /// more than the time changed: the next store looks at the content.
    /// </summary>
    public void SetModifyTime(Timestamp time)
    {
        lock (_lock)
        {
            ContainerStat before = files.Stat(OpenFile());
            bool wasSame = !before.Differs(Baseline), mayBeSame = wasSame || IsMaybeOnlyTimeSet(before);
            files.SetModifyTime(OpenFile(), time);
            ContainerStat after = files.Stat(OpenFile());
            if (wasSame && _writers == 0)
                Baseline = after;
            else
                _timeSet = mayBeSame ? after.ModifyTime : null;
        }
    }

    /// <summary>Is nothing known of a change but that its time was set, which the server was told? The content may have been changed before that.</summary>
    public bool MayHaveOnlyItsTimeSet(ContainerStat at)
    {
        lock (_lock)
            return IsMaybeOnlyTimeSet(at);
    }

    /// <summary>The content was that of its base version when the file was, or after it was, as <paramref name="at"/>. Only while pinned.</summary>
    public void SettleSame(ContainerStat at)
    {
        lock (_lock)
        {
            (Baseline, _timeSet) = (at, null);
            SettleIfUnchanged();
        }
    }

    /// <summary>
    /// Changes the modification time, null: none, of what somebody has open for writing and has changed since it was last stored: it goes along with
    /// the content. The file's own times carry it, so that the next daemon stores it too. False: nothing was done. Only while pinned.
    /// </summary>
    public bool TrySetUnstoredTime(Timestamp? modifyTime)
    {
        lock (_lock)
        {
            ContainerStat stat = files.Stat(OpenFile());
            if (_writers == 0 || _fate != ContainerFate.Current || !stat.Differs(Baseline) || IsMaybeOnlyTimeSet(stat))
                return false;
            files.SetModifyTime(OpenFile(), modifyTime ?? stat.ModifyTime);
            return true;
        }
    }

    /// <summary>The content is no longer current; it lives until its last use ends. True: nothing uses it, delete it.</summary>
    public bool Retire(ContainerFate fate)
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Current)
                _fate = _pins == 0 && fate != ContainerFate.Parked ? ContainerFate.Gone : fate;
            return _fate == ContainerFate.Gone;
        }
    }

    /// <summary>True: it was clean and unused, and is gone now.</summary>
    public bool TryEvict()
    {
        lock (_lock)
        {
            if (_pins > 0 || State != ContainerState.Clean || _fate != ContainerFate.Current)
                return false;
            _fate = ContainerFate.Gone;
            return true;
        }
    }

    /// <summary>One store at a time: the running one, or null and <paramref name="mine"/> is the running one now.</summary>
    public Task<Failure>? BeginStore(Task<Failure> mine)
    {
        lock (_lock)
        {
            if (_storing is not null)
                return _storing;
            _storing = mine;
            return null;
        }
    }

    public void EndStore()
    {
        lock (_lock)
            _storing = null;
    }

    /// <summary>
    /// The kernel said that nobody could write to it any more, not by a mapping either, when <see cref="WritesBegun"/> was so many, and its
    /// content was right after that: only another open for writing can change it. True: so it is. Only while pinned, by the caller alone: nothing where somebody uses it.
    /// </summary>
    /// <exception cref="DiskException">The file can't be looked at.</exception>
    public bool TrySettleUnwritten(int writesBegun)
    {
        lock (_lock)
        {
            if (_pins > 1 || WritesBegun != writesBegun || State != ContainerState.Clean || _fate != ContainerFate.Current || files.Stat(OpenFile()).Differs(Baseline))
                return false;
            EverWritten = false;
            return true;
        }
    }

    /// <summary>Those above, and that what is gone is used by nobody.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isCounted = _writers >= 0 && _pins >= _writers && (_file is null || _pins > 0);
            bool isGoneWithUses = _fate == ContainerFate.Gone && _pins > 0;
            bool isClosedAndOpen = State == ContainerState.Dirty && _writers > 0;
            bool isStoredUnpinned = _storing is not null && _pins == 0;
            if (!isCounted || isGoneWithUses || isClosedAndOpen || isStoredUnpinned || _writers > 0 && !EverWritten)
                throw new UnreachableException($"Container {Id} of {Fid} is {State} and {_fate}, with {_pins} pins and {_writers} writers.");
        }
    }

    private IDiskFile OpenFile()
    {
        if (_pins == 0)
            throw new UnreachableException($"Container {Id} isn't pinned.");
        return _file ??= files.Open(Id);
    }

    /// <summary>A write since then would have moved the modification time.</summary>
    private bool IsMaybeOnlyTimeSet(ContainerStat at) => _timeSet == at.ModifyTime && at.LengthBytes == Baseline.LengthBytes;

    private void SettleIfUnchanged()
    {
        if (_writers > 0 || State == ContainerState.Clean || files.Stat(OpenFile()).Differs(Baseline))
            return;
        Become(ContainerState.Clean);
    }

    /// <summary>No more dirty: or what was closed once would be stored once more after a power loss, over what came later.</summary>
    private void Become(ContainerState state)
    {
        bool wasDirty = State == ContainerState.Dirty;
        State = state;
        index.PutLater(Record(), outlastsPowerLoss: wasDirty);
    }

    private ContainerRecord Record() => new(Id, Fid, BaseVersion, State, Crc32C, Baseline, bootId);
}

using System.Diagnostics;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// One container file and what is known of it. Shared by all its uses.
///
/// | phase | what it is | row |
/// |---|---|---|
/// | Made | empty, for an open that truncates, which isn't marked yet: nobody's data | none |
/// | Clean | the content is that of the base version, and the kernel denied that anybody can write to it | Clean |
/// | Watched | was so when it was last looked at; nobody has it open for writing, but somebody may have it mapped | Writing |
/// | Writing | somebody has it open for writing | Writing |
/// | Left | changed, and nobody has it open for writing; also what a daemon that died left so | Writing |
/// | Dirty | as Left; on stable storage as it was closed | Dirty |
///
/// From the sending of a store until its outcome is known a row says Storing in place of Writing (<see cref="MarkStoringAsync"/>): what is written behind the store must not be taken, after a crash, for a change of
/// an older version.
///
/// | event | Made | Clean | Watched | Writing | Left | Dirty |
/// |---|---|---|---|---|---|---|
/// | an open for writing is marked (<see cref="MarkWritingAsync"/>) | Writing, once the row says so | Writing | Writing | | Writing | Writing |
/// | the last writer leaves, the file looks changed (<see cref="Unpin"/>) | | | | Left | | |
/// | the last writer leaves, else | | | | Watched | | |
/// | a look finds a change (<see cref="NoteChanged"/>) | | | Left | | | |
/// | is made durable, and nobody may write (<see cref="MarkDirtyAsync"/>) | | | | | Dirty | |
/// | stored (<see cref="Stored"/>) | | | | | Watched | Watched |
/// | a look finds the content that was stored (<see cref="Settle"/>) | | | | | Watched | Watched |
/// | nobody can write, and the content is right after that (<see cref="TrySeal"/>) | | | Clean | | | |
/// | goes, with its file (<see cref="TryEvict"/>, <see cref="Retire"/>) | gone | gone | | | | |
///
/// INVARIANTS, under its lock, which is a leaf:
///  - a row says Clean, and a file goes, only where nobody can write to it any more, by a descriptor or a mapping, and its content was compared after that.
///    What this client or another removed goes as a file of any Unix does: those who have it open or mapped keep it;
///  - the index hears of each change in the order in which it happened here;
///  - one that is open for writing is never dirty, which says that it was closed: until the last writer left, a power loss may tear it;
///  - the file is opened when somebody who pins it first needs it, for reading, and closed at the last pin's end at the latest (<see cref="BoundedFile"/>); it is open for writing only while somebody
///    writes: a descriptor costs more than the rest of an open, passthrough reads without one, and the kernel would take it for a writer's.
/// </summary>
internal sealed partial class Container
{
    private readonly Lock _lock = new();
    private readonly ContainerRecord _record;
    private readonly IContainerFiles _files;
    private readonly IContainerIndex _index;
    private readonly string _bootId;
    private IDiskFile? _file, _written;

    /// <summary>The change of the index that says Writing, where the phase is one of which the row says so: what it says is so once this succeeded.</summary>
    private Task? _marking;
    private Task<Failure>? _storing;
    private Baseline _baseline;
    private ContainerPhase _phase;
    private ContainerFate _fate;
    private int _pins;
    private bool _isDamaged;
    private int _writers;
    private SentContent? _sent;

    /// <summary>Counts what is compared with: a comparison that was overtaken by a store says nothing.</summary>
    private int _baselines;

    /// <summary>Counts the times that were set by <see cref="SetModifyTime"/>: each moves the file's ctime, and changes no content.</summary>
    private int _timesSet;

    /// <param name="phase">Of one from the index <see cref="FromIndex"/>.</param>
    public Container(ContainerRecord record, ContainerPhase phase, Baseline baseline, IContainerFiles files, IContainerIndex index, string bootId)
    {
        (_record, _files, _index, _bootId, _phase, _baseline) = (record, files, index, bootId, phase, baseline);
        (BaseVersion, Crc32C, Writer) = (record.Base, record.Crc32C, record.Writer);
        _marking = phase == ContainerPhase.Left ? Task.CompletedTask : null;
    }

    public ContainerId Id => _record.Id;

    public Fid Fid => _record.Fid;

    public DataVersion BaseVersion { get; private set; }

    public ContainerPhase Phase => _phase;

    public uint Crc32C { get; private set; }

    public Baseline Baseline
    {
        get
        {
            lock (_lock)
                return _baseline;
        }
    }

    /// <summary>From before a crash: its content is checked by its checksum before it is used.</summary>
    public bool NeedsVerify { get; private set; }

    /// <summary>It was being changed when the daemon died, and what becomes of the change isn't decided yet.</summary>
    public bool NeedsRecovery { get; private set; }

    /// <summary>It was being changed when the machine lost its power: some of the change may be missing, unless it was marked dirty.</summary>
    public bool MayBeTorn { get; private init; }

    /// <summary>Something was sent that may be a version of the server by now.</summary>
    public bool WasSent => _sent.HasValue;

    /// <summary>The sums of the blocks of the base version; null where they aren't known.</summary>
    public BlockSums? Blocks { get; private set; }

    /// <summary>Of one that was announced before its content was there; null else.</summary>
    public Arrival? Arrival { get; init; }

    /// <summary>Who opened it for writing last: what is stored is stored for him.</summary>
    public Caller Writer { get; private set; }

    /// <summary>Opens for writing so far.</summary>
    public int WritesBegun { get; private set; }

    /// <summary>Ticks of the clock that orders evictions. Belongs to the table, under its lock.</summary>
    public long LastUsed { get; set; }

    public bool IsRemovedHere => _fate == ContainerFate.RemovedHere;

    /// <summary>The content was moved to the recovered folder: the vnode was removed elsewhere, or so.</summary>
    public bool IsParked => _fate is ContainerFate.Parked or ContainerFate.LockLost;

    public bool IsLockLost => _fate == ContainerFate.LockLost;

    public bool IsGone => _fate == ContainerFate.Gone;

    public bool HasWriters => Volatile.Read(ref _writers) > 0;

    public bool IsPinned => Volatile.Read(ref _pins) > 0;

    /// <summary>There are changes that the server doesn't have, and no close to come.</summary>
    public bool IsUnstored => _phase is ContainerPhase.Left or ContainerPhase.Dirty;

    /// <summary>What the processes of this client share, whatever the server has.</summary>
    public bool IsLocal => HasWriters || IsUnstored || IsRemovedHere;

    /// <summary>It was made for an open that failed, or hasn't begun to write yet: nobody's data, and no version of the file.</summary>
    public bool IsNobodys => _phase == ContainerPhase.Made && !HasWriters;

    /// <summary>For reading. Only while pinned.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public IDiskFile File
    {
        get
        {
            lock (_lock)
                return OpenFile();
        }
    }

    /// <summary>For reading and writing. Only by who began to write, until he ends.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public IDiskFile WritableFile
    {
        get
        {
            lock (_lock)
            {
                if (_writers == 0)
                    throw new UnreachableException($"Nobody has container {Id} open for writing.");
                return _written ??= _files.Open(Id);
            }
        }
    }

    /// <summary>One from the index, after a restart.</summary>
    /// <param name="wasCleanEnd">The daemon before ended by itself: what its row says of a clean one holds, if no power was lost since.</param>
    public static Container FromIndex(ContainerRecord record, bool wasCleanEnd, IContainerFiles files, IContainerIndex index, string bootId)
    {
        ContainerPhase phase = record.State switch
        {
            ContainerState.Clean => ContainerPhase.Clean,
            ContainerState.Dirty => ContainerPhase.Dirty,
            _ => ContainerPhase.Left,
        };
        bool isOtherBoot = record.BootId != bootId;
        bool wasSent = record.State == ContainerState.Storing; // Then the row doesn't tell any more what the base version's content is.
        return new Container(record, phase, wasSent ? Baseline.Unlike : Baseline.FromRow(record.Baseline), files, index, bootId)
        {
            _sent = wasSent ? new SentContent(record.Baseline, record.Crc32C) : null,
            NeedsVerify = !wasCleanEnd || isOtherBoot,
            NeedsRecovery = phase != ContainerPhase.Clean,
            MayBeTorn = phase == ContainerPhase.Left && isOtherBoot,
        };
    }

    /// <summary>Keeps the file open, and the container from eviction. False: it is gone.</summary>
    /// <exception cref="DiskException">The file can't be opened; it isn't pinned then.</exception>
    public bool TryPin() => TryPin(opens: true);

    /// <summary>Keeps the container from eviction, and opens its file when that is first needed. False: it is gone.</summary>
    public bool TryPinClosed() => TryPin(opens: false);

    private bool TryPin(bool opens)
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Gone)
                return false;
            if (opens)
                _file ??= _files.OpenToRead(Id);
            _pins++;
            return true;
        }
    }

    /// <summary>May somebody write to it, by a descriptor or a mapping? False only where the kernel denies it. Waits for no disk.</summary>
    /// <exception cref="DiskException">The file can't be opened.</exception>
    public bool MayBeWritten()
    {
        lock (_lock)
            return _writers > 0 || _files.MayBeWritten(Id);
    }

    /// <summary>One of its pins writes from here on.</summary>
    /// <exception cref="DiskException">The file can't be looked at; nothing was done.</exception>
    public void BeginWriting(Caller writer)
    {
        lock (_lock)
        {
            // Until now nobody could write: so the file is what it was, and from this look on its times show what is done to it.
            if (_phase == ContainerPhase.Clean && _baseline.IsKnown && !_baseline.Stat.IsDecisive)
                _baseline = Baseline.At(_files.Stat(OpenFile()));
            _writers++;
            WritesBegun++;
            Writer = writer;
        }
    }

    /// <summary>Somebody who has it open for writing since before this daemon goes on. Nothing about it is to be decided now: it was never closed.</summary>
    public void GoOnWriting()
    {
        lock (_lock)
        {
            (NeedsRecovery, NeedsVerify) = (false, false);
            _writers++;
            WritesBegun++;
            if (_phase != ContainerPhase.Writing)
                Become(ContainerPhase.Writing);
        }
    }

    public Unpinned Unpin(bool wasWriting)
    {
        IDiskFile? closed = null, closedToo = null;
        Unpinned after = default;
        lock (_lock)
        {
            if (wasWriting && --_writers == 0)
            {
                if (_phase == ContainerPhase.Writing)
                    _phase = _baseline.Compare(_files.Stat(OpenFile())) == Sameness.Changed ? ContainerPhase.Left : ContainerPhase.Watched;
                after.IsLeftUnstored = _phase == ContainerPhase.Left && _fate == ContainerFate.Current;
                (closed, _written) = (_written, null);
            }
            if (--_pins == 0)
            {
                (closedToo, _file) = (_file, null);
                after.IsToDelete = _fate is ContainerFate.Superseded or ContainerFate.RemovedHere;
                if (after.IsToDelete || IsParked)
                    _fate = ContainerFate.Gone;
            }
        }
        closed?.Dispose();
        closedToo?.Dispose();
        return after;
    }

    /// <summary>What the file says of itself. Only while pinned.</summary>
    public ContainerStat GetStat()
    {
        lock (_lock)
            return _files.Stat(OpenFile());
    }

    /// <summary>Is its content that of the base version, as far as the file's times can say? Only while pinned.</summary>
    public Sameness Look() => Look(out _);

    public Sameness Look(out ContainerStat stat)
    {
        lock (_lock)
        {
            stat = _files.Stat(OpenFile());
            return _baseline.Compare(stat);
        }
    }

    /// <summary>The file's times say that nothing was written to it after what it is compared with. Only while pinned.</summary>
    public bool IsUntouched()
    {
        lock (_lock)
        {
            (Timestamp now, Timestamp then) = (_files.Stat(OpenFile()).ChangeTime, _baseline.Stat.ChangeTime);
            return _baseline.IsKnown && (now.Seconds, now.Nanoseconds).CompareTo((then.Seconds, then.Nanoseconds)) <= 0;
        }
    }

    /// <summary>A comparison of the content begins: what the file is like, and what is to be handed back with what came out. Only while pinned.</summary>
    public (ContainerStat At, int Of) BeginComparison()
    {
        lock (_lock)
            return (_files.Stat(OpenFile()), _baselines);
    }

    /// <summary>
    /// The content was compared with the checksum of the base version after the file was as <paramref name="at"/>. False: a store came between, and there is
    /// another base version now.
    /// </summary>
    public bool TryEndComparison(ContainerStat at, int of, bool isSame)
    {
        lock (_lock)
        {
            if (_baselines != of)
                return false;
            SetBaseline(isSame ? Baseline.At(at) : Baseline.Unlike);
            return true;
        }
    }

    /// <summary>All of its content came.</summary>
    /// <param name="blocks">Its sums, where they are known.</param>
    public ContainerRecord Arrived(ContainerStat at, BlockSums? blocks)
    {
        lock (_lock)
        {
            SetBaseline(Baseline.At(at));
            Blocks = blocks;
            return Record();
        }
    }

    /// <summary>Its content matches its checksum, and the file is as <paramref name="at"/>.</summary>
    public void Verified(ContainerStat at)
    {
        lock (_lock)
        {
            NeedsVerify = false;
            SetBaseline(Baseline.At(at));
        }
    }

    /// <summary>It is decided what becomes of a change that a daemon left when it died.</summary>
    public void Recovered()
    {
        lock (_lock)
            (NeedsRecovery, NeedsVerify) = (false, false);
    }

    /// <summary>
    /// The index knows that it is being written when this completes. All who come meanwhile wait for the same change. Where it fails the index goes on
    /// trying, and who asks later asks again.
    /// </summary>
    /// <exception cref="DiskException">The index doesn't know.</exception>
    public async ValueTask MarkWritingAsync()
    {
        Task marking;
        lock (_lock)
        {
            if (_phase is ContainerPhase.Watched or ContainerPhase.Left)
                _phase = ContainerPhase.Writing;
            if (_phase == ContainerPhase.Writing && _marking is { IsCompletedSuccessfully: true })
                return;
            if (_marking is null or { IsCompleted: true })
            {
                // Also one that is dirty: from here on it isn't what was closed.
                bool wasDirty = _phase == ContainerPhase.Dirty;
                if (_phase != ContainerPhase.Made)
                    _phase = ContainerPhase.Writing;
                _marking = _index.PutAsync(Record(), outlastsPowerLoss: wasDirty).AsTask();
            }
            marking = _marking;
        }
        await marking;
        lock (_lock)
        {
            if (_phase == ContainerPhase.Made)
                _phase = ContainerPhase.Writing;
        }
    }

    /// <summary>
    /// This content is sent to the server next; the index knows it when this completes. Nothing where the row says Dirty: that is stored whatever the server has, and nobody
    /// can write to it.
    /// </summary>
    /// <param name="at">The file before it was read.</param>
    /// <exception cref="DiskException">The index doesn't know.</exception>
    public async ValueTask MarkStoringAsync(ContainerStat at, uint crc32C)
    {
        ValueTask put;
        lock (_lock)
        {
            if (_phase is not (ContainerPhase.Writing or ContainerPhase.Left))
                return;
            _sent = new SentContent(at, crc32C);
            put = _index.PutAsync(Record());
        }
        await put;
    }

    /// <summary>Where the version that the server has is what was sent before a crash, what the file holds by now started from that. True: so it is.</summary>
    public bool TryStartFrom(FetchStatus status)
    {
        lock (_lock)
        {
            if (_sent is not { } sent || (sent.At.LengthBytes, sent.Crc32C) != (status.LengthBytes, status.ContentCrc32C))
                return false;
            (BaseVersion, Crc32C, _sent) = (status.DataVersion, sent.Crc32C, null);
            SetBaseline(Baseline.At(sent.At));
            _index.PutLater(Record());
            return true;
        }
    }

    /// <summary>The disk lost some of what was written to it.</summary>
    public bool IsDamaged => Volatile.Read(ref _isDamaged);

    /// <summary>Did the disk lose some of what was written to it? Once it did, it has. Waits for no disk. Only while pinned.</summary>
    /// <exception cref="DiskException">The file can't be opened.</exception>
    public bool HasLostWrites()
    {
        IDiskFile file = File;
        try
        {
            file.CheckWritten();
        }
        catch (DiskException)
        {
            Volatile.Write(ref _isDamaged, true);
        }
        return IsDamaged;
    }

    /// <summary>The kernel tells of a loss once: whoever is told remembers it.</summary>
    private void SyncOrNote(IDiskFile file)
    {
        try
        {
            file.Sync();
        }
        catch (DiskException)
        {
            Volatile.Write(ref _isDamaged, true);
            throw;
        }
    }

    /// <summary>
    /// Changed and closed: after a crash it is stored whatever the server has meanwhile, and so it is on stable storage first, with its name. Only while pinned.
    /// Nothing where somebody has it open for writing, or had since this began: that one's close comes later. Nor where somebody may have it mapped, whose
    /// writes no close ends.
    /// </summary>
    public async ValueTask MarkDirtyAsync()
    {
        int begun = WritesBegun;
        if (MayBeWritten())
            return;
        IDiskFile file = File;
        SyncOrNote(file);
        _files.SyncName(Id);
        ValueTask put;
        lock (_lock)
        {
            if (_writers > 0 || WritesBegun != begun || _phase != ContainerPhase.Left)
                return;
            (_phase, _marking) = (ContainerPhase.Dirty, null);
            put = _index.PutAsync(Record());
        }
        await put;
    }

    /// <summary>A look found that it was changed after its last close. False: it is open for writing, or was stored.</summary>
    public bool NoteChanged()
    {
        lock (_lock)
        {
            if (_phase == ContainerPhase.Watched && _baseline.Compare(_files.Stat(OpenFile())) == Sameness.Changed)
                _phase = ContainerPhase.Left;
            return IsUnstored;
        }
    }

    /// <summary>What is read for a store from here on is at least as new as this look. Only while pinned.</summary>
    public BeforeStore LookBeforeStore()
    {
        lock (_lock)
            return new BeforeStore(_files.Stat(OpenFile()), _timesSet, _timesDisowned);
    }

    /// <summary>The content as of <paramref name="before"/> is the server's version now. What changed since is found by looking.</summary>
    public void Stored(DataVersion version, uint crc32C, BeforeStore before, BlockSums? blocks)
    {
        lock (_lock)
        {
            // It was stored here first, and refused before this thread came to say so.
            bool isDisowned = before.TimesDisowned != _timesDisowned;
            (BaseVersion, Crc32C, Blocks, _sent) = (isDisowned ? DataVersion.None : version, crc32C, isDisowned ? null : blocks, null);
            // A time that was set while the store ran moved the ctime. Taken for a change, the same content would be stored once more, over what others store by then. So the content decides.
            bool isTimeSet = before.TimesSet != _timesSet;
            SetBaseline(Baseline.At(isTimeSet ? _files.Stat(OpenFile()) with { LengthBytes = before.Stat.LengthBytes, IsDecisive = false } : before.Stat));
            NeedsVerify = false;
            Become(_writers > 0 ? ContainerPhase.Writing : ContainerPhase.Watched);
        }
    }

    /// <summary>Sums that were read from the file, from when <see cref="WritesBegun"/> was so many on. Nothing where it may have changed since.</summary>
    public void AdoptBlocks(BlockSums blocks, int writesBegun)
    {
        lock (_lock)
        {
            bool isStored = _phase is ContainerPhase.Clean or ContainerPhase.Watched;
            if (WritesBegun == writesBegun && isStored && _baseline.Compare(_files.Stat(OpenFile())) != Sameness.Changed)
                Blocks = blocks;
        }
    }

    /// <summary>The server has another idea of the base version: the next store is whole.</summary>
    public void ForgetBlocks()
    {
        lock (_lock)
            Blocks = null;
    }

    /// <summary>There was nothing to store. What looks changed by now is left as it is.</summary>
    public void Settle()
    {
        lock (_lock)
        {
            if (_writers == 0 && IsUnstored && _baseline.Compare(_files.Stat(OpenFile())) != Sameness.Changed)
                Become(ContainerPhase.Watched);
        }
    }

    /// <summary>
    /// The kernel denied that anybody could write to it when <see cref="WritesBegun"/> was so many, and its content was right after that: only another open
    /// for writing can change it. True: so it is.
    /// </summary>
    public bool TrySeal(int writesBegun)
    {
        lock (_lock)
        {
            if (_phase == ContainerPhase.Watched && WritesBegun == writesBegun && _writers == 0)
                Become(ContainerPhase.Clean);
            return _phase == ContainerPhase.Clean && _writers == 0;
        }
    }

    /// <summary>
    /// Sets the file's modification time, which the server was told; one that is as it was stored stays so. Where somebody may write at this moment, the
    /// times can't say any more whether more than the time changed: the content decides.
    /// </summary>
    public void SetModifyTime(Timestamp time)
    {
        lock (_lock)
        {
            bool mayBeSame = _baseline.Compare(_files.Stat(OpenFile())) != Sameness.Changed;
            bool isSame = _phase == ContainerPhase.Clean && _writers == 0;
            _files.SetModifyTime(OpenFile(), time);
            _timesSet++;
            ContainerStat after = _files.Stat(OpenFile());
            if (isSame)
                SetBaseline(Baseline.At(after));
            else if (mayBeSame && _baseline.IsKnown)
                SetBaseline(Baseline.At(after with { IsDecisive = false }));
        }
    }

    /// <summary>
    /// Changes the modification time, null: none, of what somebody has open for writing and has changed since it was last stored: it goes along with
    /// the content. The file's own times carry it, so that the next daemon stores it too. False: nothing was done; so it is while a store runs, which may have
    /// read the time before. Only while pinned.
    /// </summary>
    public bool TrySetUnstoredTime(Timestamp? modifyTime)
    {
        lock (_lock)
        {
            ContainerStat stat = _files.Stat(OpenFile());
            if (_writers == 0 || _storing is not null || _fate != ContainerFate.Current || _baseline.Compare(stat) != Sameness.Changed)
                return false;
            _files.SetModifyTime(OpenFile(), modifyTime ?? stat.ModifyTime);
            return true;
        }
    }

    /// <summary>Its file is about to be moved: those who have it open keep it. Only while pinned.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public void KeepOpen()
    {
        lock (_lock)
        {
            _files.KeepOpen(OpenFile());
            if (_writers > 0)
                _files.KeepOpen(_written ??= _files.Open(Id));
        }
    }

    /// <summary>The content is no longer current; it lives until its last use ends. True: nothing uses it, delete it.</summary>
    public bool Retire(ContainerFate fate)
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Current)
                _fate = _pins == 0 && fate is not (ContainerFate.Parked or ContainerFate.LockLost) ? ContainerFate.Gone : fate;
            return _fate == ContainerFate.Gone;
        }
    }

    /// <summary>One that lost its place and is still in use has it again. Only while pinned.</summary>
    public bool TryReturn()
    {
        lock (_lock)
        {
            if (_fate != ContainerFate.Superseded)
                return false;
            _fate = ContainerFate.Current;
            return true;
        }
    }

    /// <summary>True: it was clean and unused, and is gone now.</summary>
    public bool TryEvict()
    {
        lock (_lock)
        {
            if (_pins > 0 || _phase != ContainerPhase.Clean || _fate != ContainerFate.Current)
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

    /// <summary>Those above, and that what is gone is used by nobody.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isCounted = _writers >= 0 && _pins >= _writers && (_file is null || _pins > 0) && (_written is null || _writers > 0);
            bool isGoneWithUses = _fate == ContainerFate.Gone && _pins > 0;
            bool isClosedAndOpen = _phase == ContainerPhase.Dirty && _writers > 0;
            bool isWrittenByNobody = _phase == ContainerPhase.Writing && _writers == 0;
            bool isStoredUnpinned = _storing is not null && _pins == 0;
            if (!isCounted || isGoneWithUses || isClosedAndOpen || isWrittenByNobody || isStoredUnpinned)
                throw new UnreachableException($"Container {Id} of {Fid} is {_phase} and {_fate}, with {_pins} pins and {_writers} writers.");
        }
    }

    private IDiskFile OpenFile()
    {
        if (_pins == 0)
            throw new UnreachableException($"Container {Id} isn't pinned.");
        return _file ??= _files.OpenToRead(Id);
    }

    private void SetBaseline(Baseline baseline) => (_baseline, _baselines) = (baseline, _baselines + 1);

    /// <summary>No more dirty: or what was closed once would be stored once more after a power loss, over what came later.</summary>
    private void Become(ContainerPhase phase)
    {
        bool wasDirty = _phase == ContainerPhase.Dirty;
        if (phase.ToRow() != ContainerState.Writing || wasDirty)
            _marking = null;
        _phase = phase;
        _index.PutLater(Record(), outlastsPowerLoss: wasDirty);
    }

    /// <summary>What may be torn is so until it is decided what becomes of it, in whichever boot of the machine.</summary>
    private string BootId => MayBeTorn && NeedsRecovery ? _record.BootId : _bootId;

    private ContainerRecord Record() => _phase.ToRow() == ContainerState.Writing && _sent is { } sent
        ? new(Id, Fid, BaseVersion, ContainerState.Storing, sent.Crc32C, sent.At, BootId, Writer)
        : new(Id, Fid, BaseVersion, _phase.ToRow(), Crc32C, _baseline.Stat, BootId, Writer);
}

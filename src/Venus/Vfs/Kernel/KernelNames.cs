using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;

namespace Afs.Venus.Vfs;

/// <summary>A name of a directory that a reply is about to bring to the kernel. Without a key the kernel gets it for one use only.</summary>
internal readonly record struct GivenName(DirectoryNode? Directory, byte[]? Key)
{
    public bool IsTrusted => Key is not null;
}

/// <summary>One name that leads to a node; a node of several links has several. Owned by <see cref="KernelNames"/>, under its lock.</summary>
internal sealed record Place(DirectoryNode Directory, byte[] Key, Place? Next);

/// <summary>The names of one directory that the kernel may use without asking, and how restless it is. Owned by <see cref="KernelNames"/>, under its lock.</summary>
internal sealed class GivenNames
{
    private TaskCompletionSource? _released;

    /// <summary>Each with its record for a successor.</summary>
    public Dictionary<byte[], int> Names { get; set; } = New();

    /// <summary>Names that were taken out of <see cref="Names"/>, and that the kernel may not have been told of yet.</summary>
    public List<NameExpiry> Pending { get; } = [];

    /// <summary>Until then its names are given for one use only. Of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long RestlessUntil { get; set; } = long.MinValue;

    /// <summary>The kernel may hold names of it that it asks for again, without the directory's lock (fuse_dentry_revalidate).</summary>
    public bool MayRevalidate { get; set; }

    /// <summary>When such a question was last answered with a name to keep: the kernel may not have taken the answer in yet.</summary>
    public long RevalidatedAt { get; set; } = long.MinValue;

    /// <summary>When a change in it was last sent back.</summary>
    public long SentBackAt { get; set; } = long.MinValue;

    /// <summary>This daemon made it, and no other client has changed it.</summary>
    public bool IsOwn { get; set; }

    /// <summary>Names of it were changed here, and by others: both may do so again in the same moment.</summary>
    public bool IsChangedHere { get; set; }

    public bool IsChangedElsewhere { get; set; }

    /// <summary>Requests of this client on their way that hold the directory's lock.</summary>
    public int Requests { get; set; }

    /// <summary>
    /// A break was acknowledged before its names had gone (rule 5). Completes when they have; null: it was not, or that is over.
    /// </summary>
    public TaskCompletionSource? Released
    {
        get => Volatile.Read(ref _released);
        set => Volatile.Write(ref _released, value);
    }

    public static Dictionary<byte[], int> New() => new(NameComparer.Instance);
}

/// <summary>
/// Which names the kernel may use without asking, so that each can be taken back by itself. A name goes by expiry (FUSE_EXPIRE_ONLY): the kernel looks it up
/// again, and where that finds the same node, whatever stands on the name stays: what is mounted there or below it, an overlayfs above.
///
/// What expires a name waits for its directory's lock (fs/fuse/dir.c, fuse_reverse_inval_entry). Hence these rules:
///  1. A name is registered here before the promise is looked at that it is given by. A break that comes before is seen by that look; one that comes after finds the
///     name here, and waits for the lock that the kernel holds while it takes the reply in.
///  2. A name that the kernel has and asks for again is answered without that lock. So a directory is restless for a second after each break: its names are given for
///     one use only. A break that comes within a second of such an answer expires the name once more, some milliseconds later, before it is acknowledged.
///  3. The kernel holds the lock through a change of this client, which waits for other clients to acknowledge the break that it causes. Two clients that change
///     one directory, each trusting names in it, would wait for each other. So who changes a directory trusts no names in it until a second after his last change,
///     a minute where others change it too: he has nothing to expire, and acknowledges at once.
///  4. A first change, with names of the directory trusted, is sent back before anything has happened: the kernel lets go of the lock, the names go, and it comes
///     again (ESTALE makes it look the path up again and repeat the call, once). Not in a directory that this daemon made and nobody else has changed: of two
///     clients at most one doesn't send back.
///  5. What this leaves (a name that doesn't go in between, a change in what was changed a moment ago, attributes of one directory that two clients set) is not waited for: the
///     kernel is made to forget the directory's attributes, which needs no lock, and whoever asks for them, as each walk through it does, waits until the names have gone
///     (<see cref="HeldDirectories"/>). The break is acknowledged then.
///
/// INVARIANT: every name that the kernel may use without asking is in <see cref="GivenNames.Names"/> or in a pending expiry of its directory.
/// </summary>
internal sealed class KernelNames(KernelLink kernel, NameExpirer expirer, NameRecords records, TimeProvider time)
{
    /// <summary>All names at once must go in less than a second, when a lease is lost. Past it the directory that was longest there gives its names up.</summary>
    public const int MostNames = 1 << 18;

    /// <summary>Links of one file that are followed. By further names it is given for one use.</summary>
    private const int MostPlaces = 16;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1), SharedRest = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();

    /// <summary>Directories with names, the one that has had some for longest first; those that went meanwhile stand here until their turn.</summary>
    private readonly Queue<DirectoryNode> _order = new();
    private readonly long _restTicks = (long)(Rest.TotalSeconds * time.TimestampFrequency), _sharedRestTicks = (long)(SharedRest.TotalSeconds * time.TimestampFrequency);
    private int _count;

    /// <summary>Names that the kernel may use without asking, or is about to be told of.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Registers a name that a reply will bring. To be called before the promise on the directory is looked at (rule 1).</summary>
    /// <param name="isLocked">The kernel takes the reply in under the directory's lock: of all but LOOKUP.</param>
    /// <param name="isAgain">It was given for this same reply before.</param>
    public GivenName Give(DirectoryNode directory, ReadOnlySpan<byte> name, bool isLocked = false, bool isAgain = false)
    {
        if (!kernel.TakesNamesBack)
            return default;
        NameExpiry? evicted = null;
        GivenName given;
        lock (_lock)
            given = Register(directory, name, isLocked, isAgain, ref evicted);
        if (evicted is not null)
            expirer.Start(evicted);
        return given;
    }

    /// <summary>The node that the name leads to: a break of a file that is open must find its names. Before its status is looked at. False: it is given for one use.</summary>
    public bool Link(Node node, GivenName given)
    {
        if (!given.IsTrusted)
            return false;
        lock (_lock)
        {
            if (node is FileNode file && time.GetTimestamp() < file.RestlessUntil)
            {
                given.Directory!.Names!.MayRevalidate = true;
                return false;
            }

            int places = 0;
            for (Place? place = node.Places; place is not null; place = place.Next, places++)
            {
                if (ReferenceEquals(place.Key, given.Key))
                    return true;
            }

            if (places >= MostPlaces)
                node.Places = Living(node.Places);
            if (places >= MostPlaces && CountOf(node.Places) >= MostPlaces)
                return false;
            node.Places = new Place(given.Directory!, given.Key!, node.Places);
            return true;
        }
    }

    /// <summary>The kernel may use this name of a directory without asking.</summary>
    public bool Has(DirectoryNode directory, byte[] name)
    {
        lock (_lock)
            return directory.Names is { } given && given.Names.ContainsKey(name);
    }

    /// <summary>This client made the directory just now.</summary>
    public void NoteMade(DirectoryNode directory)
    {
        lock (_lock)
            (directory.Names ??= new GivenNames()).IsOwn = true;
    }

    /// <summary>Rule 4. Adds the names that must go before this client changes the directory.</summary>
    public void LetGo(DirectoryNode directory, List<NameExpiry> into)
    {
        lock (_lock)
        {
            if (directory.Names is not { IsOwn: false, Names.Count: > 0 } given)
                return;
            // Who was sent back comes again, however late: a second ESTALE would reach the application.
            if (!MaySendBack(given))
                return;
            MakeRestless(given);
            into.Add(Take(directory, given)!);
        }
    }

    /// <summary>A change of this client in a directory begins (rule 3); it ends with <see cref="EndChange"/>.</summary>
    public void BeginChange(DirectoryNode directory)
    {
        lock (_lock)
        {
            GivenNames given = directory.Names ??= new GivenNames();
            given.IsChangedHere = true;
            given.Requests++;
            MakeRestless(given);
        }
    }

    /// <summary>A request that holds a directory's lock begins to wait for the server, and changes no names; it ends with <see cref="EndRequest"/>.</summary>
    public void BeginRequest(DirectoryNode directory)
    {
        lock (_lock)
            (directory.Names ??= new GivenNames()).Requests++;
    }

    public void EndRequest(DirectoryNode directory)
    {
        lock (_lock)
            directory.Names!.Requests--;
    }

    /// <summary>Its reply is about to be written: what the kernel still trusts in the directory goes once that lets go of the lock.</summary>
    public void EndChange(DirectoryNode directory)
    {
        NameExpiry? expiry = null;
        lock (_lock)
        {
            GivenNames given = directory.Names!;
            given.Requests--;
            MakeRestless(given);
            expiry = Take(directory, given);
        }

        if (expiry is not null)
            expirer.Start(expiry);
    }

    /// <summary>One name goes, soon. What the kernel holds under it may no longer be right, and nobody waits for that.</summary>
    public void ExpireSoon(DirectoryNode directory, byte[] name)
    {
        if (!kernel.TakesNamesBack)
            return;
        NameExpiry expiry;
        lock (_lock)
        {
            GivenNames given = directory.Names ??= new GivenNames();
            given.MayRevalidate = true;
            expiry = new NameExpiry(this, directory, []);
            if (!given.Names.Remove(name, out int record))
            {
                record = NameRecords.None;
                Interlocked.Increment(ref _count);
            }

            expiry.Names.Add((name, record));
            given.Pending.Add(expiry);
        }

        expirer.Start(expiry);
    }

    /// <summary>The promise on the directory is gone: adds what must have happened before anybody may be told so.</summary>
    public void Break(DirectoryNode directory, List<NameExpiry> into)
    {
        lock (_lock)
        {
            GivenNames given = directory.Names ??= new GivenNames();
            (given.IsOwn, given.IsChangedElsewhere) = (false, true);
            MakeRestless(given);
            Take(directory, given);
            into.AddRange(given.Pending);
        }
    }

    /// <summary>As <see cref="Break"/>, of the names that lead to one node, whatever of their directories.</summary>
    /// <param name="again">The kernel didn't know the node: it is invalidated once more afterwards.</param>
    public void BreakPlaces(Node node, bool again, List<NameExpiry> into)
    {
        lock (_lock)
        {
            if (node is FileNode file)
                file.RestlessUntil = time.GetTimestamp() + _restTicks;
            for (Place? place = node.Places; place is not null; place = place.Next)
            {
                GivenNames given = place.Directory.Names!;
                if (given.Names.Remove(place.Key, out int record))
                {
                    var expiry = new NameExpiry(this, place.Directory, [(place.Key, record)]) { Again = again ? node.Id : default };
                    Add(given, expiry);
                }

                into.AddRange(given.Pending);
            }

            node.Places = null;
        }
    }

    /// <summary>The kernel knows the node no more, and so no names in it.</summary>
    public void Forget(Node node)
    {
        lock (_lock)
        {
            node.Places = null;
            if (node is not DirectoryNode { Names: { } given })
                return;
            foreach (int record in given.Names.Values)
                records.Remove(record);
            Interlocked.Add(ref _count, -given.Names.Count);
            given.Names = GivenNames.New();
        }
    }

    /// <summary>The kernel was told. Called by the expirer, under no lock.</summary>
    public void Finished(NameExpiry expiry)
    {
        TaskCompletionSource? released = null;
        lock (_lock)
        {
            GivenNames given = expiry.Directory.Names!;
            given.Pending.Remove(expiry);
            foreach ((_, int record) in expiry.Names)
                records.Remove(record);
            Interlocked.Add(ref _count, -expiry.Names.Count);
            if (given.Pending.Count == 0)
                (released, given.Released) = (given.Released, null);
        }

        released?.SetResult();
    }

    /// <summary>Rule 5: from here on the directory's attributes are for one use, and are waited for. False: its names have gone.</summary>
    public bool TryHold(NameExpiry expiry)
    {
        lock (_lock)
        {
            GivenNames given = expiry.Directory.Names!;
            if (!given.Pending.Contains(expiry))
                return false;
            given.Released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return true;
        }
    }

    /// <summary>Completes when the broken names that a directory is held for have gone; null: it isn't held.</summary>
    public static Task? Held(DirectoryNode directory) => directory.Names?.Released?.Task;

    /// <summary>A request that may hold the lock is on its way, or since then a name has gone, or who held the lock was sent back.</summary>
    public bool IsGettingOn(DirectoryNode directory, long since)
    {
        lock (_lock)
        {
            GivenNames given = directory.Names!;
            return given.Requests > 0 || given.SentBackAt > since || given.Pending.Exists(expiry => Volatile.Read(ref expiry.ProgressAt) > since);
        }
    }

    /// <summary>Rule 4 for who asks for attributes. False: somebody was, who may come a second time now.</summary>
    public bool TrySendBack(DirectoryNode directory)
    {
        lock (_lock)
            return MaySendBack(directory.Names!);
    }

    /// <summary>It is held no more, whatever became of its names. False: it was not held.</summary>
    public bool Release(DirectoryNode directory)
    {
        TaskCompletionSource? released;
        lock (_lock)
            (released, directory.Names!.Released) = (directory.Names.Released, null);
        released?.SetResult();
        return released is not null;
    }

    private bool MaySendBack(GivenNames given)
    {
        long now = time.GetTimestamp();
        if (given.SentBackAt != long.MinValue && now - given.SentBackAt < _sharedRestTicks)
            return false;
        given.SentBackAt = now;
        return true;
    }

    private GivenName Register(DirectoryNode directory, ReadOnlySpan<byte> name, bool isLocked, bool isAgain, ref NameExpiry? evicted)
    {
        GivenNames given = directory.Names ??= new GivenNames();
        long now = time.GetTimestamp();
        if (now < given.RestlessUntil)
        {
            given.MayRevalidate = true;
            return default;
        }

        Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> lookup = given.Names.GetAlternateLookup<ReadOnlySpan<byte>>();
        bool isKnown = lookup.TryGetValue(name, out byte[]? key, out _);
        if (!isKnown)
        {
            if (_count >= MostNames)
                evicted = TakeOldest();
            key = name.ToArray();
            if (_count >= MostNames || !records.TryAdd(directory.Id, key, out int record))
            {
                given.MayRevalidate = true;
                return default;
            }

            if (given.Names.Count == 0)
                _order.Enqueue(directory);
            given.Names.Add(key, record);
            Interlocked.Increment(ref _count);
        }

        if (!isLocked && (isKnown && !isAgain || given.MayRevalidate))
            given.RevalidatedAt = now;
        return new GivenName(directory, key);
    }

    private NameExpiry? TakeOldest()
    {
        while (_order.TryDequeue(out DirectoryNode? oldest))
        {
            if (oldest.Names is { Names.Count: > 0 } given)
                return Take(oldest, given);
        }

        return null;
    }

    /// <summary>Null: it has none.</summary>
    private NameExpiry? Take(DirectoryNode directory, GivenNames given)
    {
        given.MayRevalidate = true;
        if (given.Names.Count == 0)
            return null;
        var expiry = new NameExpiry(this, directory, [.. given.Names.Select(static pair => (pair.Key, pair.Value))]);
        given.Names = GivenNames.New();
        Add(given, expiry);
        return expiry;
    }

    private void Add(GivenNames given, NameExpiry expiry)
    {
        given.MayRevalidate = true;
        expiry.IsTwice = given.RevalidatedAt != long.MinValue && time.GetTimestamp() - given.RevalidatedAt < _restTicks;
        given.Pending.Add(expiry);
    }

    private void MakeRestless(GivenNames given)
    {
        long ticks = given.IsChangedHere && given.IsChangedElsewhere ? _sharedRestTicks : _restTicks;
        (given.RestlessUntil, given.MayRevalidate) = (time.GetTimestamp() + ticks, true);
    }

    private static Place? Living(Place? places)
    {
        Place? living = null;
        for (Place? place = places; place is not null; place = place.Next)
        {
            if (place.Directory.Names!.Names.ContainsKey(place.Key))
                living = place with { Next = living };
        }

        return living;
    }

    private static int CountOf(Place? places)
    {
        int count = 0;
        for (Place? place = places; place is not null; place = place.Next)
            count++;
        return count;
    }
}

/// <summary>Names of one directory that the kernel is to look up again. Run by <see cref="NameExpirer"/>, on one of its threads at a time.</summary>
internal sealed class NameExpiry(KernelNames owner, DirectoryNode directory, List<(byte[] Name, int Record)> names)
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isStarted, _isFinished;

    public KernelNames Owner { get; } = owner;

    public DirectoryNode Directory { get; } = directory;

    public List<(byte[] Name, int Record)> Names { get; } = names;

    /// <summary>The kernel may be taking in an answer that was given before: to be repeated in a moment.</summary>
    public bool IsTwice { get; set; }

    /// <summary>A node to invalidate afterwards: whoever held the directory's lock may have made the kernel learn of it; zero: none.</summary>
    public NodeId Again { get; init; }

    /// <summary>When it last got on, of <see cref="TimeProvider.GetTimestamp"/>; zero: it was not begun.</summary>
    public long ProgressAt;

    public Task Done => _done.Task;

    /// <summary>Completes when a thread has taken it.</summary>
    public Task Begun => _begun.Task;

    public void Begin() => _begun.TrySetResult();

    /// <summary>True: the caller is the one to start it.</summary>
    public bool TryStart() => Interlocked.Exchange(ref _isStarted, 1) == 0;

    public void Finish()
    {
        if (Interlocked.Exchange(ref _isFinished, 1) != 0)
            return;
        Owner.Finished(this);
        _done.SetResult();
    }
}

/// <summary>
/// Tells the kernel which names to look up again, on threads of its own, since each may wait for a directory's lock. Several wait side by side: a directory that
/// is held up holds up no other. Idle threads end.
/// </summary>
internal sealed class NameExpirer(KernelLink kernel, TimeProvider time)
{
    private const int MostThreads = 32;

    /// <summary>Between the two rounds of what is done twice. By then the kernel has long taken in an answer that was written before the first.</summary>
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// How long a break waits for names to go. What holds a directory's lock may wait itself for whoever waits for this: then the directory is held instead (rule 5 of
    /// <see cref="KernelNames"/>).
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    private readonly object _monitor = new();
    private readonly Queue<NameExpiry> _urgent = new(), _others = new();
    private int _threads, _resting;
    private long _forced, _held;

    /// <summary>Times that all names had to go at once.</summary>
    public long Forced => Interlocked.Read(ref _forced);

    /// <summary>Directories that were held since their names had not gone when a break was acknowledged.</summary>
    public long Held => Interlocked.Read(ref _held);

    public void CountForced() => Interlocked.Increment(ref _forced);

    /// <summary>For what nobody waits for.</summary>
    public void Start(NameExpiry expiry)
    {
        if (expiry.TryStart())
            Enqueue(expiry, _others);
    }

    /// <summary>Returns when nobody who begins from now on can use any of the names without asking. Bounded.</summary>
    public async ValueTask RunAsync(IReadOnlyList<NameExpiry> expiries)
    {
        foreach (NameExpiry expiry in expiries)
        {
            if (expiry.TryStart())
                Enqueue(expiry, _urgent);
        }

        Task all = Task.WhenAll(expiries.Select(static expiry => expiry.Done));
        if (!all.IsCompleted)
            await Task.WhenAny(all, Task.Delay(Patience, time));
        foreach (NameExpiry expiry in expiries)
        {
            if (!expiry.Done.IsCompleted && expiry.Owner.TryHold(expiry))
            {
                Interlocked.Increment(ref _held);
                kernel.Session.Notifier.InvalidateNode(expiry.Directory.Id);
            }
        }
    }

    private void Enqueue(NameExpiry expiry, Queue<NameExpiry> queue)
    {
        bool mustMake;
        lock (_monitor)
        {
            queue.Enqueue(expiry);
            mustMake = _urgent.Count + _others.Count > _resting && _threads < MostThreads;
            if (mustMake)
                _threads++;
            else
                Monitor.Pulse(_monitor);
        }

        if (mustMake)
            new Thread(Work) { Name = KilledDaemon.NamesThread, IsBackground = true }.Start();
    }

    private void Work()
    {
        while (TryTake(out NameExpiry? expiry))
            Run(expiry!);
    }

    private bool TryTake(out NameExpiry? expiry)
    {
        lock (_monitor)
        {
            while (!_urgent.TryDequeue(out expiry) && !_others.TryDequeue(out expiry))
            {
                _resting++;
                bool wasCalled = Monitor.Wait(_monitor, Idle);
                _resting--;
                if (!wasCalled && _urgent.Count + _others.Count == 0)
                {
                    _threads--;
                    return false;
                }
            }
        }

        return true;
    }

    private void Run(NameExpiry expiry)
    {
        IFuseNotifier notifier = kernel.Session.Notifier;
        expiry.Begin();
        foreach ((byte[] name, _) in expiry.Names)
        {
            Volatile.Write(ref expiry.ProgressAt, time.GetTimestamp());
            notifier.ExpireEntry(expiry.Directory.Id, name);
        }

        if (expiry.Again != default)
            notifier.InvalidateNode(expiry.Again);
        Volatile.Write(ref expiry.ProgressAt, time.GetTimestamp());
        if (expiry.IsTwice)
            BackgroundWork.Start("second round of expiring names", () => RepeatAsync(expiry));
        else
            expiry.Finish();
    }

    /// <summary>Ends with the expiry, which is what others wait for; nothing in it fails.</summary>
    private async Task RepeatAsync(NameExpiry expiry)
    {
        expiry.IsTwice = false;
        await Task.Delay(Between, time);
        Enqueue(expiry, _urgent);
    }
}

/// <summary>
/// Repeats invalidations of nodes that the kernel was about to learn of when they were broken. Each is sent once more after some milliseconds,
/// and for the last time after some more; by then the reply that introduced the node has long been taken in.
/// </summary>
internal sealed class LateInvalidations : IDisposable
{
    private const int MaxWaiting = 65536;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly KernelLink _kernel;
    private readonly ITimer _timer;
    private HashSet<NodeId> _waiting = [];
    private HashSet<NodeId> _sentOnce = [];

    public LateInvalidations(KernelLink kernel, TimeProvider time)
    {
        _kernel = kernel;
        _timer = time.CreateTimer(_ => Send(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Beyond the bound nodes are left out.</summary>
    public void Add(NodeId node)
    {
        lock (_lock)
        {
            if (_waiting.Count >= MaxWaiting)
                return;
            if (_waiting.Add(node) && _waiting.Count == 1)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Send()
    {
        HashSet<NodeId> first, last;
        lock (_lock)
        {
            (first, last) = (_waiting, _sentOnce);
            (_sentOnce, _waiting) = (first, []);
            if (first.Count > 0)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }

        foreach (NodeId node in first.Concat(last))
            _kernel.Session.Notifier.InvalidateNode(node);
    }
}

using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Locks that hold in the cell. Of each file this client either has the lock token, and then its own table decides without a call; or the server decides each request, and the table records what it granted.
/// Which of the two it is, the table knows, as it is told by <see cref="IHeldLocks"/>. Whatever is asked or told here about a file goes to the server in the order of asking.
/// </summary>
public interface ICellLocks
{
    /// <summary>Set once, before the first operation.</summary>
    void Attach(IHeldLocks held);

    /// <summary>What a daemon before this one held of these files. Once, before the first operation.</summary>
    void TakeOver(IReadOnlyList<Fid> fids);

    /// <summary>
    /// Asks the server. The value: Granted, and the table knows it; Queued, and <see cref="AskedLock.Decided"/> tells; why not; or IsHolders: the table decides by now, and nothing was done.
    /// </summary>
    ValueTask<Result<LockVerdict>> AskAsync(AskedLock asked, OperationContext operation);

    /// <summary>A request that is queued is given up. False: it was decided, or is about to be.</summary>
    ValueTask<bool> WithdrawAsync(AskedLock asked);

    /// <summary>
    /// The table has let go of these, and did not decide about the file. Completes when others may have them. The value: what became of the store before.
    /// </summary>
    /// <param name="storesFirst">Something was held for writing: what was written is stored first.</param>
    ValueTask<Failure> UnlockAsync(Fid fid, IReadOnlyList<LockRange> ranges, bool storesFirst, OperationContext operation);
}

/// <summary>Whose processes locks exclude.</summary>
public enum LocksMode
{
    /// <summary>Those of this client.</summary>
    Local = 0,

    /// <summary>Those of all clients.</summary>
    Cell,
}

/// <summary>What the processes of this client hold. It calls nobody, and is called with the lock of <see cref="ICellLocks"/> held.</summary>
public interface IHeldLocks
{
    /// <summary>This client decides about the file.</summary>
    bool IsHere(Fid fid);

    /// <summary>The server granted it.</summary>
    /// <param name="isHere">With the file's token: from here on this client decides.</param>
    void Granted(AskedLock asked, bool isHere);

    /// <summary>An flock that changes its kind was let go of first.</summary>
    void LetGoToChange(AskedLock asked);

    /// <summary>From here on this client decides.</summary>
    /// <param name="isGone">There is no such file at the server: nobody else can ask.</param>
    void TakeHere(Fid fid, bool isGone);

    /// <summary>From here on the server decides. What waits is taken out: it is decided by <see cref="AskedLock.Decide"/>.</summary>
    (IReadOnlyList<LockRange> Held, IReadOnlyList<AskedLock> Waiting) Surrender(Fid fid);

    IReadOnlyList<LockRange> RangesOf(Fid fid);

    /// <summary>
    /// All that is held of the file is another's by now, or may be. Who held it is told by an error from here on. What waits here is taken out, and decided as lost.
    /// </summary>
    IReadOnlyList<AskedLock> Lose(Fid fid);

    /// <summary>Somebody who held a lock of the file that was lost has it still open.</summary>
    bool HasLost(Fid fid);
}

/// <summary>One request for a lock.</summary>
public abstract class AskedLock(Fid fid, bool waits)
{
    private TaskCompletionSource<Result<LockVerdict>>? _decided;

    public Fid Fid => fid;

    /// <summary>Where it conflicts it waits.</summary>
    public bool Waits => waits;

    /// <summary>It asks whether it would be granted, and is nobody's.</summary>
    public virtual bool IsTest => false;

    /// <summary>What it conflicts with, once that is decided.</summary>
    public LockConflict? Conflict { get; internal set; }

    public abstract LockRange Range { get; }

    /// <summary>As the server knows it. Belongs to <see cref="ICellLocks"/>.</summary>
    internal LockNumber Number { get; set; }

    /// <summary>Completes when a request that waits is decided. Late: what this client held is lost, and with it the place in line. Only after <see cref="BeginWaiting"/>.</summary>
    public Task<Result<LockVerdict>> Decided => _decided!.Task;

    /// <summary>Before anybody can decide it.</summary>
    public void BeginWaiting() => _decided ??= new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The first counts.</summary>
    public void Decide(Result<LockVerdict> verdict) => _decided!.TrySetResult(verdict);

    /// <summary>Called when the server has granted it, before anybody is told: makes what its process sees of the file current.</summary>
    public virtual ValueTask<Failure> BringCurrentAsync() => new(Failure.None);
}

/// <summary>F_GETLK.</summary>
public sealed class TestedLock(Fid fid, LockRange wanted) : AskedLock(fid, waits: false)
{
    public override LockRange Range => wanted;

    public override bool IsTest => true;
}

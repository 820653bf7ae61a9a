using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Locks;

/// <summary>
/// What <see cref="ServerLocks"/> knows of one session, under its lock: the answers to requests that may come again, what it is still to be told, and who it is at this time. Of its numbers:
/// <list type="number">
/// <item>One below <see cref="Below"/> was answered: it is late.</item>
/// <item>One that was answered and may come again gets the same answer.</item>
/// <item>None is further than <see cref="Limits.LockNumbersUnanswered"/> beyond the lowest.</item>
/// </list>
/// </summary>
internal sealed class SessionLocks(ILockSession session)
{
    private readonly Dictionary<LockNumber, SetLockReply> _answers = [];
    private readonly Queue<LockDecision> _untold = [];
    private int _sent;

    public ILockSession Session => session;

    public SessionId Id => session.Id;

    /// <summary>Null: it has asked for nothing since it lost its locks, or ever.</summary>
    public LockHolder? Current { get; set; }

    /// <summary>How often it lost its locks. A call that came before is not for what is now.</summary>
    public int Falls { get; set; }

    /// <summary>Calls under way that may give it something.</summary>
    public int Calls { get; set; }

    public long UsedAt { get; set; }

    public ulong Below { get; private set; } = 1;

    /// <summary>Its requests that aren't decided.</summary>
    public Dictionary<LockNumber, QueuedLock> Queued { get; } = [];

    /// <summary>The last claim, and what was answered.</summary>
    public (LockNumber Number, ReclaimLocksReply Reply)? Claim { get; set; }

    /// <summary>What it is to be told that it has lost.</summary>
    public LockFence Lost { get; set; }

    /// <summary>Somebody brings it what it is to be told.</summary>
    public bool IsBeingTold { get; set; }

    /// <summary>Since when the first of what it is to be told waits.</summary>
    public long UntoldSince { get; private set; }

    public int UntoldCount => _untold.Count;

    public bool HasNews => _untold.Count > 0 || Lost != default;

    public int AnswerCount => _answers.Count;

    /// <summary>It is decided, and the client hasn't said that it knows.</summary>
    public bool IsUntold(LockNumber number) => _untold.Any(decision => decision.Number == number);

    public bool IsUntoldOf(Fid fid) => _untold.Any(decision => decision.Fid == fid);

    /// <summary>Answers that nobody asks for any more are forgotten: so many.</summary>
    public int Advance(LockNumber answeredBelow)
    {
        if (answeredBelow.Value <= Below)
            return 0;
        Below = answeredBelow.Value;
        int before = _answers.Count;
        foreach (LockNumber number in _answers.Keys.Where(number => number.Value < Below).ToList())
            _answers.Remove(number);
        return before - _answers.Count;
    }

    /// <summary>Null: it is a new request.</summary>
    public SetLockReply? FindAnswer(LockNumber number) =>
        number.Value < Below ? new SetLockReply { Verdict = LockVerdict.Late } : _answers.GetValueOrDefault(number);

    public bool IsTooFar(LockNumber number) => number.Value >= Below && number.Value - Below >= Limits.LockNumbersUnanswered;

    public void Remember(LockNumber number, SetLockReply answer) => _answers.Add(number, answer);

    public void Tell(LockDecision decision, long now)
    {
        if (!HasNews)
            UntoldSince = now;
        _untold.Enqueue(decision);
    }

    public void TellLost(LockFence fence, long now) => (Lost, UntoldSince) = (fence, now);

    /// <summary>What the next call to the client says; it stays until <see cref="Told"/>. Null: nothing.</summary>
    public LocksDecidedRequest? NextNews()
    {
        if (!HasNews)
            return null;
        LockDecision[] decisions = [.. _untold.Take(Limits.LocksPerCall)];
        _sent = decisions.Length;
        return new LocksDecidedRequest { Decisions = decisions, LostFence = Lost };
    }

    /// <summary>The client knows what the last call said. The value is how many decisions needn't be said again: none where it lost its locks meanwhile.</summary>
    public int Told(LocksDecidedRequest said, long now)
    {
        int count = _sent;
        for (int i = 0; i < count; i++)
            _untold.Dequeue();
        if (said.LostFence == Lost)
            Lost = default;
        (_sent, UntoldSince) = (0, now);
        return count;
    }

    /// <summary>It has lost its locks: nothing of what it asked for is answered any more. The value is how many answers and decisions are forgotten.</summary>
    public int Forget()
    {
        int count = _answers.Count + _untold.Count;
        _answers.Clear();
        _untold.Clear();
        (_sent, Lost) = (0, default);
        return count;
    }
}

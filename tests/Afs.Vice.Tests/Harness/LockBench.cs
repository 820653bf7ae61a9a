using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Locks;
using Afs.Wire;

namespace Afs.Vice.Tests.Harness;

/// <summary>The table of locks alone, with sessions that have no server.</summary>
internal sealed class LockBench
{
    public static readonly LeaseTerms Terms = new(TimeSpan.FromSeconds(10));

    private readonly List<LockSession> _sessions = [];

    public LockBench(long most = 100_000, ulong epoch = 1)
    {
        Locks = new ServerLocks(most, new Epoch(epoch), Time, static (session, recall) => ((LockSession)session).Recalls.Add(recall), static session => ((LockSession)session).MustTell++);
    }

    public FakeTime Time { get; } = new();

    public ServerLocks Locks { get; }

    /// <summary>The invariants are looked at after each call.</summary>
    public bool IsChecked { get; set; } = true;

    public LockSession NewSession()
    {
        ulong id = (ulong)_sessions.Count + 1;
        _sessions.Add(new LockSession(this, new SessionId(id)));
        return _sessions[^1];
    }

    public static Fid File(int number) => new(new VolumeId(1), new VnodeNumber((ulong)number + 2), new Uniquifier(1));

    public void Pass(int ms)
    {
        Time.Advance(TimeSpan.FromMilliseconds(ms));
        Locks.Sweep();
        Locks.CheckInvariants();
    }
}

/// <summary>One session's requests. It counts as a correct client does, and repeats nothing unless it is told to.</summary>
internal sealed class LockSession(LockBench bench, SessionId id) : ILockSession
{
    private ulong _number;

    public SessionId Id => id;

    public string Name => $"client {id}";

    public bool IsLapsed { get; private set; }

    public bool HasEnded { get; private set; }

    public bool IsWithoutPromises { get; set; }

    public TimeSpan SinceShipped { get; set; } = TimeSpan.MaxValue;

    public List<LockRecall> Recalls { get; } = [];

    /// <summary>How often somebody was asked to tell it something.</summary>
    public int MustTell { get; set; }

    public LockNumber Last => new(_number);

    public LockNumber Next() => new(++_number);

    public static LockRange Range(ulong owner, LockMode mode, ulong start = 0, ulong end = ulong.MaxValue, bool isFlock = false) =>
        new(start, end, isFlock, mode, new LockOwner(owner), (uint)owner + 1000);

    public SetLockReply Set(Fid fid, LockRange range, bool waits = true, bool isTest = false) => Send(Request(fid, range, waits, isTest));

    public SetLockRequest Request(Fid fid, LockRange range, bool waits = true, bool isTest = false)
    {
        LockNumber number = Next();
        return new SetLockRequest { Fid = fid, Range = range, Waits = waits && !isTest, IsTest = isTest, Number = number, AnsweredBelow = number };
    }

    public SetLockReply Send(SetLockRequest request) => Run(falls => bench.Locks.Set(this, falls, request))!;

    public LockVerdict Lock(Fid fid, ulong owner, LockMode mode, ulong start = 0, ulong end = ulong.MaxValue, bool waits = true, bool isFlock = false) =>
        Set(fid, Range(owner, mode, start, end, isFlock), waits).Verdict;

    public LockVerdict Unlock(Fid fid, ulong owner, ulong start = 0, ulong end = ulong.MaxValue, bool isFlock = false) =>
        Set(fid, Range(owner, LockMode.Unlock, start, end, isFlock)).Verdict;

    public bool Withdraw(Fid fid, LockNumber number) => Run(falls => bench.Locks.Withdraw(this, falls, new WithdrawLockRequest { Fid = fid, Number = number }));

    public bool Return(Fid fid, LockTokenNumber token, LockRange[] held, params WaitingLock[] waiting) =>
        Return(new ReturnLocksRequest { Fid = fid, Token = token, Held = held, Waiting = waiting });

    public bool Return(ReturnLocksRequest request) => Run(falls => bench.Locks.Return(this, falls, request));

    public ReclaimLocksReply Reclaim(LockFence fence, params ClaimedLocks[] locks) =>
        Reclaim(new ReclaimLocksRequest { Fence = fence, Number = Next(), Locks = locks });

    public ReclaimLocksReply BeginAnew() => Reclaim(default(LockFence));

    public ReclaimLocksReply Reclaim(ReclaimLocksRequest request)
    {
        LockHolder? fallen = null;
        ReclaimLocksReply reply = Run(falls => bench.Locks.Reclaim(this, falls, request, out fallen))!;
        if (fallen is not null)
            bench.Locks.Bury(fallen);
        return reply;
    }

    /// <summary>Its lease is over. Who comes back is another call's business.</summary>
    public LockHolder? Lapse()
    {
        IsLapsed = true;
        return bench.Locks.Fall(this);
    }

    public void ComeBack() => IsLapsed = false;

    public LockHolder? Leave()
    {
        HasEnded = true;
        return bench.Locks.Fall(this);
    }

    /// <summary>What it is told, all of it.</summary>
    public List<LockDecision> Hear()
    {
        List<LockDecision> all = [];
        while (bench.Locks.NextNews(this) is { } news)
        {
            all.AddRange(news.Decisions);
            bench.Locks.Told(this, news);
        }
        return all;
    }

    public IReadOnlyList<ShownLock> Shown(Fid fid) => bench.Locks.Show(fid, this, out _);

    /// <summary>Makes the file contended: it holds what is named.</summary>
    public void Contend(Fid fid, LockSession other, params LockRange[] held)
    {
        SetLockReply first = Set(fid, Range(77, LockMode.Read));
        other.Set(fid, Range(78, LockMode.Read), isTest: true);
        Assert.True(Return(fid, first.Token, held));
        Assert.Single(other.Hear());
        Recalls.Clear();
    }

    private T Run<T>(Func<int, T> call)
    {
        int falls = bench.Locks.Begin(this) ?? throw new InvalidOperationException("The session's lease is over.");
        try
        {
            return call(falls);
        }
        finally
        {
            bench.Locks.End(this);
            if (bench.IsChecked)
                bench.Locks.CheckInvariants();
        }
    }
}

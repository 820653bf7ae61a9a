using Afs.Vice.Locks;
using Afs.Vice.Tests.Harness;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LockSession;

namespace Afs.Vice.Tests;

/// <summary>
/// Random histories of correct clients at the table of locks, and of peers that are not. Of the first: what processes believe to hold never conflicts, nobody overtakes whom he shouldn't, and at the end
/// everybody who waited was told. Of the second: nothing breaks what must always hold.
/// </summary>
public class LockHistoryTests
{
    private const int Sessions = 4, Owners = 3, Files = 3, Bytes = 10, Steps = 400;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 60)];

    [Theory, MemberData(nameof(Seeds))]
    public void Correct_clients_exclude_each_other_and_each_that_waits_is_decided(int seed)
    {
        var run = new History(seed);
        for (int step = 0; step < Steps; step++)
            run.Step();
        run.End();
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Nothing_that_a_peer_sends_breaks_what_must_always_hold(int seed)
    {
        var random = new Random(seed);
        var bench = new LockBench(most: random.Next(2) == 0 ? 200 : 100_000);
        LockSession[] sessions = [.. Enumerable.Range(0, Sessions).Select(_ => bench.NewSession())];
        foreach (LockSession awaited in sessions.Take(random.Next(3)))
            bench.Locks.Await(awaited.Id);
        List<LockHolder> fallen = [];
        for (int step = 0; step < 300; step++)
        {
            LockSession session = sessions[random.Next(Sessions)];
            Fid fid = LockBench.File(random.Next(Files));
            LockNumber Number() => random.Next(20) == 0 ? new LockNumber((ulong)random.NextInt64()) : new LockNumber((ulong)random.Next(1, 200));
            LockRange Any(bool mayUnlock) => RandomRange(random, (ulong)random.Next(Owners), mayUnlock);
            LockRange[] Some() => [.. Enumerable.Range(0, random.Next(4)).Select(_ => Any(false))];
            WaitingLock[] Waiting() => [.. Enumerable.Range(0, random.Next(3)).Select(_ => new WaitingLock(Any(false), Number()))];
            LockTokenNumber Token() => random.Next(3) == 0 ? default : new LockTokenNumber((1UL << 32) + (ulong)random.Next(30));
            switch (random.Next(12))
            {
                case < 5:
                    bool isTest = random.Next(5) == 0;
                    session.Send(new SetLockRequest { Fid = fid, Range = Any(!isTest), IsTest = isTest, Waits = !isTest && random.Next(2) == 0, Number = Number(), AnsweredBelow = random.Next(3) == 0 ? Number() : default });
                    break;
                case 5:
                    session.Withdraw(fid, Number());
                    break;
                case 6 or 7:
                    session.Return(new ReturnLocksRequest { Fid = fid, Token = session.Recalls.Count > 0 ? session.Recalls[^1].Token : Token(), Part = random.Next(2), HasMore = random.Next(3) == 0, Held = Some(), Waiting = Waiting() });
                    break;
                case 8:
                    var claim = new ReclaimLocksRequest
                    {
                        Fence = new LockFence((ulong)random.Next(3)),
                        Number = Number(),
                        HasMore = random.Next(2) == 0,
                        Locks = [.. Enumerable.Range(0, random.Next(3)).Select(_ => new ClaimedLocks { Fid = LockBench.File(random.Next(Files)), Token = Token(), Held = Some(), Waiting = Waiting() })],
                    };
                    session.Reclaim(claim);
                    break;
                case 9:
                    bench.Pass(random.Next(3000));
                    break;
                case 10 when random.Next(3) == 0:
                    if ((random.Next(2) == 0 ? session.Lapse() : bench.Locks.FallLate(session)) is { } holder)
                        fallen.Add(holder);
                    session.ComeBack();
                    break;
                case 10:
                    fallen.ForEach(bench.Locks.Bury);
                    fallen.Clear();
                    break;
                default:
                    if (bench.Locks.NextNews(session) is { } news)
                        bench.Locks.Told(session, random.Next(3) == 0 ? news with { LostFence = new LockFence(3) } : news);
                    break;
            }
            bench.Locks.CheckInvariants();
        }

        // Whatever was done, who leaves takes all along.
        foreach (LockSession session in sessions)
        {
            if (session.Leave() is { } holder)
                fallen.Add(holder);
        }
        fallen.ForEach(bench.Locks.Bury);
        bench.Locks.CheckInvariants();
        Assert.Equal((0, 0, 0), bench.Locks.Counts);
    }

    private static LockRange RandomRange(Random random, ulong owner, bool mayUnlock)
    {
        var mode = (LockMode)random.Next(mayUnlock ? 0 : 1, 3);
        if (random.Next(4) == 0)
            return Range(owner, mode, isFlock: true);
        ulong start = (ulong)random.Next(Bytes);
        return Range(owner, mode, start, random.Next(6) == 0 ? ulong.MaxValue : start + (ulong)random.Next(Bytes));
    }

    private static bool Clash(LockRange one, LockRange other) =>
        one.IsFlock == other.IsFlock && one.Start <= other.End && other.Start <= one.End && (one.Mode == LockMode.Write || other.Mode == LockMode.Write);

    /// <summary>Clients that do what the contract says, each with what its processes believe.</summary>
    private sealed class History
    {
        private readonly Random _random;
        private readonly LockBench _bench = new();
        private readonly Client[] _clients;
        private readonly List<LockHolder> _fallen = [];
        private long _arrivals;

        public History(int seed)
        {
            _random = new Random(seed);
            _clients = [.. Enumerable.Range(0, Sessions).Select(_ => new Client(_bench.NewSession()))];
        }

        public void Step()
        {
            Client client = _clients[_random.Next(Sessions)];
            switch (_random.Next(20))
            {
                case < 12:
                    Ask(client, LockBench.File(_random.Next(Files)), RandomRange(_random, (ulong)_random.Next(Owners), mayUnlock: true), waits: _random.Next(3) > 0);
                    break;
                case < 15:
                    Release(client);
                    break;
                case < 17:
                    ReturnRecalled(client);
                    break;
                case 17:
                    if (client.Waiting.Count > 0)
                        Withdraw(client, client.Waiting.Keys.ElementAt(_random.Next(client.Waiting.Count)));
                    break;
                case 18:
                    _bench.Pass(_random.Next(2500));
                    break;
                default:
                    if (_random.Next(4) == 0)
                        Lapse(client);
                    _fallen.ForEach(_bench.Locks.Bury);
                    _fallen.Clear();
                    break;
            }
            HearAll();
            Check();
        }

        /// <summary>All let go of all: then nobody waits any more.</summary>
        public void End()
        {
            _fallen.ForEach(_bench.Locks.Bury);
            for (int round = 0; round < 200 && (_clients.Any(static client => client.Waiting.Count > 0 || client.Local.Values.Any(static local => local.Count > 0)) || _bench.Locks.Counts.Queued > 0); round++)
            {
                foreach (Client client in _clients)
                {
                    ReturnRecalled(client);
                    foreach (Fid fid in client.Local.Keys.ToList())
                    {
                        foreach (LockRange held in client.Local[fid].ToList())
                        {
                            Ask(client, fid, held with { Mode = LockMode.Unlock, Start = 0, End = ulong.MaxValue }, waits: true);
                            HearAll();
                        }
                    }
                }
                _bench.Pass(ServerLocks.HeldBackMs);
                HearAll();
                Check();
            }
            Assert.All(_clients, static client => Assert.Empty(client.Waiting));
            Assert.Equal(0, _bench.Locks.Counts.Held);
        }

        private void Ask(Client client, Fid fid, LockRange range, bool waits)
        {
            if (client.Tokens.TryGetValue(fid, out LockTokenNumber token))
            {
                Locally(client, fid, range, waits, token);
                return;
            }
            SetLockRequest request = client.Session.Request(fid, range, waits);
            bool heldSome = client.Holds(fid, range);
            SetLockReply reply = client.Session.Send(request);
            if (range is { IsFlock: true, Mode: not LockMode.Unlock } && reply.Verdict != LockVerdict.TooMany && !client.HoldsSame(fid, range))
                client.Cut(fid, range); // It is let go first, whatever follows.
            switch (reply.Verdict)
            {
                case LockVerdict.Granted:
                    if (range.Mode != LockMode.Unlock && waits)
                        CheckOrder(client, fid, range, long.MaxValue, isOld: false, heldSome);
                    client.Hold(fid, range);
                    if (reply.Token != default)
                        client.Tokens[fid] = reply.Token;
                    break;
                case LockVerdict.Queued:
                    client.Waiting.Add(request.Number, new Waiter(fid, range, ++_arrivals, _bench.Time.GetTimestamp(), waits));
                    break;
                default:
                    Assert.True(reply.Verdict is LockVerdict.Conflict or LockVerdict.Deadlock, $"{reply.Verdict}");
                    break;
            }
        }

        /// <summary>The client decides, as by its own table. Who would wait makes it give the token back at once, which it may at any time.</summary>
        private void Locally(Client client, Fid fid, LockRange range, bool waits, LockTokenNumber token)
        {
            List<LockRange> local = client.Local.GetValueOrDefault(fid) ?? [];
            bool isFree = range.Mode == LockMode.Unlock || !local.Exists(held => held.Owner != range.Owner && Clash(held, range));
            if (isFree)
            {
                client.Hold(fid, range);
                return;
            }
            if (range.IsFlock && !client.HoldsSame(fid, range))
                client.Cut(fid, range);
            if (!waits)
                return;
            LockNumber number = client.Session.Next();
            client.Tokens.Remove(fid);
            client.Waiting.Add(number, new Waiter(fid, range, -++_arrivals, _bench.Time.GetTimestamp(), true));
            Assert.True(client.Session.Return(fid, token, [.. client.Local.GetValueOrDefault(fid) ?? []], new WaitingLock(range, number)));
        }

        private void Release(Client client)
        {
            (Fid Fid, LockRange Range)[] all = [.. client.Local.SelectMany(static pair => pair.Value.Select(range => (pair.Key, range)))];
            if (all.Length == 0)
                return;
            (Fid fid, LockRange range) = all[_random.Next(all.Length)];
            Ask(client, fid, range with { Mode = LockMode.Unlock }, waits: true);
        }

        private static void ReturnRecalled(Client client)
        {
            foreach (LockRecall recall in client.Session.Recalls)
            {
                if (client.Tokens.TryGetValue(recall.Fid, out LockTokenNumber token) && token == recall.Token && client.Tokens.Remove(recall.Fid))
                    Assert.True(client.Session.Return(recall.Fid, token, [.. client.Local.GetValueOrDefault(recall.Fid) ?? []]));
            }
            client.Session.Recalls.Clear();
        }

        private static void Withdraw(Client client, LockNumber number)
        {
            if (client.Session.Withdraw(client.Waiting[number].Fid, number))
                client.Waiting.Remove(number);
        }

        private void Lapse(Client client)
        {
            client.Local.Clear();
            client.Tokens.Clear();
            client.Waiting.Clear();
            client.Session.Recalls.Clear();
            if (client.Session.Lapse() is { } holder)
                _fallen.Add(holder);
            client.Session.ComeBack();
            client.Session.BeginAnew();
        }

        private void HearAll()
        {
            foreach (Client client in _clients)
            {
                foreach (LockDecision decision in client.Session.Hear())
                {
                    Assert.True(client.Waiting.Remove(decision.Number, out Waiter waiter), "A decision without a question.");
                    bool heldSome = client.Holds(waiter.Fid, waiter.Range);
                    if (waiter.Range.IsFlock && !client.HoldsSame(waiter.Fid, waiter.Range))
                        client.Cut(waiter.Fid, waiter.Range);
                    if (decision.Verdict == LockVerdict.Granted)
                    {
                        if (waiter.Waits)
                            CheckOrder(client, waiter.Fid, waiter.Range, waiter.Arrival, _bench.Time.GetElapsedTime(waiter.At).TotalMilliseconds >= ServerLocks.HeldBackMs, heldSome);
                        client.Hold(waiter.Fid, waiter.Range);
                    }
                    else
                    {
                        Assert.True(decision.Verdict == LockVerdict.Deadlock && !waiter.Range.IsFlock || decision.Verdict == LockVerdict.Conflict && !waiter.Waits, $"{decision.Verdict}");
                    }
                }
            }
        }

        /// <summary>Nobody who came before, still waits, and would be hindered was overtaken.</summary>
        private void CheckOrder(Client client, Fid fid, LockRange range, long arrival, bool isOld, bool heldSome)
        {
            if (isOld || heldSome)
                return;
            foreach (Client other in _clients)
            {
                foreach ((LockNumber number, Waiter waiter) in other.Waiting)
                {
                    bool isOwn = other == client && waiter.Range.Owner == range.Owner;
                    bool stillWaits = other.Session.Shown(fid).Any(shown => shown is { IsHeld: false, IsOwn: true } && shown.Range == waiter.Range);
                    Assert.False(
                        waiter.Fid == fid && waiter.Waits && !isOwn && stillWaits && waiter.Arrival < arrival && Clash(waiter.Range, range),
                        $"{range} overtook {waiter.Range}, number {number}.");
                }
            }
        }

        /// <summary>No two processes believe to hold what clashes.</summary>
        private void Check()
        {
            for (int file = 0; file < Files; file++)
            {
                (Client Client, LockRange Range)[] all = [.. _clients.SelectMany(client => (client.Local.GetValueOrDefault(LockBench.File(file)) ?? []).Select(range => (client, range)))];
                for (int i = 0; i < all.Length; i++)
                {
                    for (int k = i + 1; k < all.Length; k++)
                    {
                        bool isOneOwners = all[i].Client == all[k].Client && all[i].Range.Owner == all[k].Range.Owner;
                        Assert.False(!isOneOwners && Clash(all[i].Range, all[k].Range), $"{all[i].Range} and {all[k].Range} are both held.");
                    }
                }
            }
        }
    }

    /// <param name="Arrival">Its place in the order of arrival. What a holder returns comes before all that others ask: below zero, the latest return first.</param>
    private readonly record struct Waiter(Fid Fid, LockRange Range, long Arrival, long At, bool Waits);

    private sealed class Client(LockSession session)
    {
        public LockSession Session => session;

        public Dictionary<Fid, List<LockRange>> Local { get; } = [];

        public Dictionary<Fid, LockTokenNumber> Tokens { get; } = [];

        public Dictionary<LockNumber, Waiter> Waiting { get; } = [];

        public bool Holds(Fid fid, LockRange range) => Local.GetValueOrDefault(fid)?.Exists(held => held.Owner == range.Owner && held.IsFlock == range.IsFlock) ?? false;

        public bool HoldsSame(Fid fid, LockRange range) => Local.GetValueOrDefault(fid)?.Exists(held => held.Owner == range.Owner && held.IsFlock == range.IsFlock && held.Mode == range.Mode) ?? false;

        public void Hold(Fid fid, LockRange range)
        {
            Cut(fid, range);
            if (range.Mode != LockMode.Unlock)
                Local[fid].Add(range);
        }

        public void Cut(Fid fid, LockRange range)
        {
            if (!Local.TryGetValue(fid, out List<LockRange>? local))
                Local.Add(fid, local = []);
            List<LockRange> kept = [];
            foreach (LockRange held in local)
            {
                bool isCut = held.Owner == range.Owner && held.IsFlock == range.IsFlock && held.Start <= range.End && range.Start <= held.End;
                if (!isCut || held.Start < range.Start)
                    kept.Add(isCut ? held with { End = range.Start - 1 } : held);
                if (isCut && held.End > range.End)
                    kept.Add(held with { Start = range.End + 1 });
            }
            local.Clear();
            local.AddRange(kept);
        }
    }
}

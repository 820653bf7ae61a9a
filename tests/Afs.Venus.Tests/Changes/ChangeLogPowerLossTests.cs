using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>
/// What a loss of power leaves of the change log: the daemon logs, syncs, sends and settles at random, its disk fails some syncs, it is killed and starts again; then at random points what wasn't
/// synced is cut, or left out by 4 KiB at random. The next daemon finds a first part of what was logged, with all that a sync was acknowledged for, and all batches that may have been sent as they were.
/// </summary>
public sealed class ChangeLogPowerLossTests
{
    private const int Steps = 60, PointsOfRun = 12;

    private static readonly ChangeLogOptions Small = Quiet with { SegmentBytes = 1500 };

    [Theory]
    [InlineData(nameof(Survival.Prefix), 90)]
    [InlineData(nameof(Survival.Random), 90)]
    public async Task AtEachPoint_AFirstPartIsThere_WithAllThatWasAcknowledged(string survival, int seeds)
    {
        for (int seed = 1; seed <= seeds; seed++)
        {
            List<string> wrong = await RunAsync(seed, Enum.Parse<Survival>(survival), liesAbout: null);
            Assert.True(wrong.Count == 0, $"seed {seed}: {string.Join("; ", wrong)}");
        }
    }

    /// <summary>The replay would find a log that never syncs.</summary>
    [Fact]
    public async Task ALogWhoseSyncsAreLies_IsFoundOut()
    {
        int wrong = 0;
        for (int seed = 1; seed <= 10; seed++)
            wrong += (await RunAsync(seed, Survival.Prefix, liesAbout: ".log")).Count;
        Assert.InRange(wrong, 10, int.MaxValue);
    }

    private static async Task<List<string>> RunAsync(int seed, Survival survival, string? liesAbout)
    {
        var random = new Random(seed);
        var disk = new TracedDisk { LiesAbout = liesAbout };
        var history = new History();
        List<string> wrong = [];
        var replay = new PowerLossReplay(disk, random);
        await LiveAsync(disk, history, random);
        int at = 0;
        for (int point = 0; point < PointsOfRun; point++)
        {
            at = random.Next(at, Math.Min(disk.Changes.Count, at + disk.Changes.Count / 6) + 1);
            replay.GoTo(at);
            TracedDisk left = replay.LosePower(survival);
            // And once more, after it went on from there.
            var again = new PowerLossReplay(left, random);
            History after = Check(left, history, replay.Acknowledged, wrong);
            await LiveAsync(left, after, random, steps: 12);
            again.GoTo(random.Next(left.Changes.Count + 1));
            Check(again.LosePower(survival), after, again.Acknowledged, wrong);
        }
        return wrong;
    }

    private static async Task LiveAsync(TracedDisk disk, History history, Random random, int steps = Steps)
    {
        ChangeLog log = await StartAsync(disk, history, random);
        for (int step = 0; step < steps; step++)
        {
            switch (random.Next(12))
            {
                case 0 or 1 or 2 or 3 or 4 or 5:
                    for (int i = random.Next(6); i >= 0; i--)
                    {
                        Change change = Any(random.Next(100_000));
                        history.Logged(log.Append(change), change);
                    }
                    break;
                case 6 or 7:
                    await SyncAsync(disk, log, history, random);
                    break;
                case 8 or 9:
                    var first = new ChangeNumber(Math.Max(log.Settled.Value, log.UnsettledBatches().LastOrDefault()?.Last.Value ?? 0) + 1);
                    if (first <= log.Last)
                    {
                        BatchNote note = log.NoteBatch(first, [.. Enumerable.Range(0, random.Next(1, (int)Math.Min(8, log.Last.Value - first.Value + 2))).Select(static i => (ushort)i)], Needs(random, first));
                        if (await SyncAsync(disk, log, history, random))
                            history.Sent(disk, note);
                    }
                    break;
                case 10 when log.UnsettledBatches().FirstOrDefault() is { } sent && history.WasSent(sent.Number):
                    log.Settle(sent.Last);
                    history.Settled = sent.Last;
                    break;
                case 11 when random.Next(3) == 0:
                    log = await StartAsync(disk, history, random); // It was killed.
                    break;
            }
        }
    }

    private static async Task<ChangeLog> StartAsync(TracedDisk disk, History history, Random random)
    {
        ChangeLog log = Open(disk, Small);
        if (random.Next(2) == 0 && await SyncAsync(disk, log, history, random))
            history.Reach(disk, log.Last, log.UnsettledBatches());
        return log;
    }

    private static async Task<bool> SyncAsync(TracedDisk disk, ChangeLog log, History history, Random random)
    {
        disk.FailsNextSync = random.Next(8) == 0;
        try
        {
            ChangeNumber through = log.Last;
            await log.SyncAsync();
            disk.FailsNextSync = false;
            history.Reach(disk, through, []);
            return true;
        }
        catch (DiskException)
        {
            return false;
        }
    }

    /// <summary>What goes on from there.</summary>
    private static History Check(TracedDisk left, History history, int? acknowledged, List<string> wrong)
    {
        ChangeLog log = Open(left, Small);
        List<LoggedChange> found = Waiting(log);
        (ChangeNumber reached, BatchNote[] sent) = acknowledged is { } mark ? history.Marks[mark] : (ChangeNumber.None, []);
        if (log.Last < reached)
            wrong.Add($"{reached} was acknowledged, and it ends at {log.Last}");
        // Where the first segment is gone, because none of it was acknowledged, nothing is left, and numbers go on behind the last that is seen.
        if (log.Settled > history.Settled && (reached > history.Settled || found.Count > 0 || Array.Exists(sent, note => note.Last > history.Settled)))
            wrong.Add($"{log.Settled} is settled");
        wrong.AddRange(found.Where(change => !Same(history.Changes[change.Number], change.Change)).Select(static change => $"{change.Number} is another"));
        wrong.AddRange(sent.Where(note => note.Last > log.Settled && !log.UnsettledBatches().Any(other => IsSame(other, note))).Select(static note => $"batch {note.Number} is lost"));
        wrong.AddRange(log.UnsettledBatches().Where(note => note.First <= log.Settled || note.Last > log.Last).Select(static note => $"batch {note.Number} has no changes"));
        BatchNote[] unsettled = log.UnsettledBatches();
        return history.From(log.Last, log.Settled, sent.Where(note => unsettled.Any(other => IsSame(other, note))));
    }

    private static bool IsSame(BatchNote a, BatchNote b) => a.Number == b.Number && a.First == b.First && a.Fates.SequenceEqual(b.Fates) && a.Needs.SequenceEqual(b.Needs);

    private static EarlierNeed[] Needs(Random random, ChangeNumber first) => [.. Enumerable.Range(1, random.Next(3)).Where(i => (ulong)i < first.Value).Select(static i => new EarlierNeed(0, new ChangeNumber((ulong)i)))];

    /// <summary>What the daemons did, and what was acknowledged when.</summary>
    private sealed class History
    {
        private readonly List<BatchNote> _sent = [];
        private ChangeNumber _reached;

        public Dictionary<ChangeNumber, Change> Changes { get; } = [];

        public List<(ChangeNumber Reached, BatchNote[] Sent)> Marks { get; } = [];

        public ChangeNumber Settled { get; set; }

        public void Logged(ChangeNumber number, Change change) => Changes[number] = change;

        public bool WasSent(BatchNumber number) => _sent.Exists(note => note.Number == number);

        public void Reach(TracedDisk disk, ChangeNumber through, BatchNote[] unsettled)
        {
            _reached = through > _reached ? through : _reached;
            _sent.AddRange(unsettled.Where(note => !WasSent(note.Number))); // Those are sent first.
            Mark(disk);
        }

        public void Sent(TracedDisk disk, BatchNote note)
        {
            _sent.Add(note);
            Mark(disk);
        }

        public History From(ChangeNumber last, ChangeNumber settled, IEnumerable<BatchNote> sent)
        {
            var from = new History { Settled = settled };
            foreach ((ChangeNumber number, Change change) in Changes.Where(change => change.Key <= last))
                from.Changes.Add(number, change);
            from._sent.AddRange(sent);
            return from;
        }

        private void Mark(TracedDisk disk)
        {
            Marks.Add((_reached, [.. _sent]));
            disk.Changes.Add(new DiskChange.Acknowledgement(Marks.Count - 1));
        }
    }
}

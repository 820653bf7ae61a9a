using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>A server that takes batches in their order, each once, and keeps what it answered. It outlives its clients' lives.</summary>
internal sealed class ShippingServer
{
    private readonly Lock _lock = new();
    private readonly List<(BatchNumber Number, string Content, CarrierOutcome Outcome)> _batches = [];
    private readonly HashSet<ulong> _contents = [];
    private readonly List<LoggedChange> _applied = [];
    private readonly HashSet<ChangeNumber> _refused = [];
    private readonly List<string> _wrong = [];

    /// <summary>What the changes are refused for.</summary>
    public Func<BatchedChange, bool> Refuses { get; set; } = static _ => false;

    public IReadOnlyList<ulong> Applied
    {
        get
        {
            lock (_lock)
                return [.. _applied.Select(static change => change.Number.Value)];
        }
    }

    public IReadOnlyList<Change> AppliedChanges
    {
        get
        {
            lock (_lock)
                return [.. _applied.Select(static change => change.Change)];
        }
    }

    public int Batches
    {
        get
        {
            lock (_lock)
                return _batches.Count;
        }
    }

    public IReadOnlyList<string> Wrong
    {
        get
        {
            lock (_lock)
                return [.. _wrong];
        }
    }

    public void TakeContent(LoggedChange change)
    {
        lock (_lock)
            _contents.Add(change.Change.Content.Container.Value);
    }

    public CarrierOutcome Apply(BatchNumber number, IReadOnlyList<BatchedChange> changes)
    {
        lock (_lock)
        {
            string content = string.Join('\n', changes.Select(static change => $"{change.Logged.Number} {change.Logged.Change.Kind} {Convert.ToHexString(change.Logged.Change.Request.Span)}"));
            if (number.Value <= (ulong)_batches.Count)
            {
                if (_batches[(int)number.Value - 1].Content != content)
                    _wrong.Add($"batch {number} came again with another content");
                return _batches[(int)number.Value - 1].Outcome;
            }
            if (number.Value != (ulong)_batches.Count + 1)
                return CarrierVerdict.Unreachable;
            _wrong.AddRange(changes.Where(change => change.Logged.Change.Kind == ChangeKind.StoreContent && !_contents.Contains(change.Logged.Change.Content.Container.Value))
                .Select(static change => $"the content of {change.Logged.Number} came after it"));
            List<Refusal> refused = [];
            foreach (BatchedChange change in changes)
            {
                if (!Refuses(change) && !change.Needs.Any(_refused.Contains))
                {
                    _applied.Add(change.Logged);
                    continue;
                }
                _refused.Add(change.Logged.Number);
                refused.Add(new Refusal(change.Logged.Number, FailureKind.Refused));
            }
            var outcome = new CarrierOutcome(CarrierVerdict.Done, refused);
            _batches.Add((number, content, outcome));
            return outcome;
        }
    }
}

/// <summary>Between a shipper and a server: what a test wants to happen to each call.</summary>
internal sealed class TestCarrier(ShippingServer server) : IChangeCarrier, IRefusedChanges
{
    public int MostBatchesUnderWay => ChangeShipper.MostBatchesUnderWay;

    private readonly Lock _lock = new();
    private readonly List<string> _calls = [];
    private readonly List<(ulong[] Refused, ulong[] Dependants)> _handedOn = [];
    private int _contentsNow;
    private bool _isDead;

    /// <summary>Each call, in order: "content 3", "batch 1: 1 2 3".</summary>
    public string[] Calls
    {
        get
        {
            lock (_lock)
                return [.. _calls];
        }
    }

    public int MostContentsAtOnce { get; private set; }

    public (ulong[] Refused, ulong[] Dependants)[] HandedOn
    {
        get
        {
            lock (_lock)
                return [.. _handedOn];
        }
    }

    /// <summary>Before the batch reaches the server. Null: it does.</summary>
    public Func<BatchNumber, IReadOnlyList<BatchedChange>, Task<CarrierVerdict?>> OnBatch { get; set; } = static (_, _) => Task.FromResult<CarrierVerdict?>(null);

    /// <summary>On its way back.</summary>
    public Func<BatchNumber, CarrierOutcome, Task<CarrierOutcome>> OnReply { get; set; } = static (_, outcome) => Task.FromResult(outcome);

    public Func<LoggedChange, Task<CarrierOutcome>> OnContent { get; set; } = static _ => Task.FromResult(CarrierOutcome.Done);

    public Func<IReadOnlyList<RefusedChange>, Task> OnRefused { get; set; } = static _ => Task.CompletedTask;

    /// <summary>The machine is dead: nothing more reaches the server.</summary>
    public void Kill()
    {
        lock (_lock)
            _isDead = true;
    }

    public async ValueTask<CarrierOutcome> SendContentAsync(LoggedChange change, CancellationToken stopping)
    {
        lock (_lock)
        {
            _calls.Add($"content {change.Number}");
            MostContentsAtOnce = Math.Max(MostContentsAtOnce, ++_contentsNow);
        }
        try
        {
            CarrierOutcome outcome = await OnContent(change).WaitAsync(stopping);
            if (outcome.Verdict == CarrierVerdict.Done && outcome.Refused.Count == 0)
                server.TakeContent(change);
            return outcome;
        }
        finally
        {
            lock (_lock)
                _contentsNow--;
        }
    }

    public async ValueTask<CarrierOutcome> SendBatchAsync(BatchNumber number, IReadOnlyList<BatchedChange> changes, CancellationToken stopping)
    {
        lock (_lock)
            _calls.Add($"batch {number}: {string.Join(' ', changes.Select(static change => change.Logged.Number))}");
        if (await OnBatch(number, changes).WaitAsync(stopping) is { } verdict)
            return verdict;
        CarrierOutcome outcome;
        lock (_lock)
            outcome = _isDead ? CarrierVerdict.Interrupted : server.Apply(number, changes);
        return await OnReply(number, outcome).WaitAsync(stopping);
    }

    public async ValueTask RefusedAsync(IReadOnlyList<RefusedChange> refused, IReadOnlyList<LoggedChange> dependants)
    {
        lock (_lock)
            _handedOn.Add(([.. refused.Select(static change => change.Logged.Number.Value)], [.. dependants.Select(static change => change.Number.Value)]));
        await OnRefused(refused);
    }
}

/// <summary>One life of a client: a log, a shipper, and its way to the server.</summary>
internal sealed class ShippingClient : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    /// <param name="opened">Sees the log before anything is sent.</param>
    public ShippingClient(
        IDisk disk, ShippingServer server, WriteBehindOptions? options = null, TestCarrier? carrier = null, ChangeLogOptions? logOptions = null, Action<ChangeLog>? opened = null)
    {
        Time = new FakeTime();
        Carrier = carrier ?? new TestCarrier(server);
        Log = TestChanges.Open(disk, logOptions, Time);
        opened?.Invoke(Log);
        Shipper = Again(options);
    }

    public FakeTime Time { get; }

    public TestCarrier Carrier { get; }

    public ChangeLog Log { get; }

    public ChangeShipper Shipper { get; }

    /// <summary>Another one on the same log, when the first one has ended.</summary>
    public ChangeShipper Again(WriteBehindOptions? options = null) =>
        new(TestChanges.Volume, Log, Carrier, Carrier, options ?? new WriteBehindOptions(), Time, NullLogger.Instance);

    public ChangeNumber Append(Change change)
    {
        ValueTask<Failure> room = Shipper.WaitForRoomAsync(change, CancellationToken.None);
        Assert.True(room.IsCompletedSuccessfully && room.Result.IsNone);
        return Shipper.Append(change);
    }

    public void AppendAny(int count)
    {
        for (int i = 0; i < count; i++)
            Append(Create(Fid(1000 + (int)Log.Last.Value), Root, $"f{Log.Last}"));
    }

    /// <summary>Hurries all, and lets the clock run until it is settled.</summary>
    public async Task DrainAsync()
    {
        Shipper.ShipNow(Log.Last);
        await Eventually.BecomesTrueAsync(() => Log.Settled == Log.Last, () => Time.Advance(Step));
    }

    public async ValueTask DisposeAsync()
    {
        await Shipper.DisposeAsync();
        await Log.DisposeAsync();
    }
}

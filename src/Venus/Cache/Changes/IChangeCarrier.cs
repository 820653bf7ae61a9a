using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What may wait for the server, in a volume. At a bound who changes something waits, and what waits is sent at once.
/// </summary>
internal sealed record WriteBehindOptions
{
    /// <summary>The first of what waits is sent at most so long after it was logged, if the server can be reached.</summary>
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Changes, those under way included.</summary>
    public int MaxOperations { get; init; } = 32 * 1024;

    /// <summary>Their requests and contents. A change that is more by itself waits until it is alone.</summary>
    public long MaxBytes { get; init; } = 1024L * 1024 * 1024;
}

/// <summary>A change as it goes to the server.</summary>
/// <param name="Needs">Earlier changes, sent in this batch or in one before that isn't answered yet, without which this one must not run: the server leaves it out, as refused, if one of these was.</param>
/// <param name="StandsFor">Earlier changes of the same object in this batch, which aren't sent: the object's versions rise for them too.</param>
internal sealed record BatchedChange(LoggedChange Logged, IReadOnlyList<ChangeNumber> Needs, IReadOnlyList<ChangeNumber> StandsFor);

/// <summary>How it went to send something.</summary>
internal enum CarrierVerdict : byte
{
    /// <summary>The server has it, but for what it refused.</summary>
    Done = 0,

    /// <summary>No server, for now; or it doesn't have the batch before this one yet. It may have run. It is sent again.</summary>
    Unreachable,

    /// <summary>The session is over: what this client holds, and what its changes began from, has to be looked at before anything is sent.</summary>
    SessionLost,

    /// <summary>The client is going down.</summary>
    Interrupted,
}

/// <summary>One change that isn't done, for good, and why.</summary>
internal readonly record struct Refusal(ChangeNumber Number, Failure Reason);

/// <param name="Refused">Only where it is done.</param>
internal readonly record struct CarrierOutcome(CarrierVerdict Verdict, IReadOnlyList<Refusal> Refused)
{
    public static readonly CarrierOutcome Done = new(CarrierVerdict.Done, []);

    public static implicit operator CarrierOutcome(CarrierVerdict verdict) => new(verdict, []);
}

/// <summary>Brings changes to the server. Its methods throw nothing but what cancels them. Bounds its own time: what takes too long is unreachable.</summary>
internal interface IChangeCarrier
{
    /// <summary>
    /// Batches that may be under way, at most <see cref="ChangeShipper.MostBatchesUnderWay"/>. More than one only where the server knows, also in another session and after a crash of the client, what of all
    /// of them it refused: else what was refused of one is forgotten when the next is applied.
    /// </summary>
    int MostBatchesUnderWay { get; }

    /// <summary>
    /// Brings a store's content to the server, under a name by which its batch can mean it. When it says done the content is on stable storage here, too: its batch may have to
    /// be sent again after a loss of power. May be asked again for what is there already. Several at a time.
    /// </summary>
    ValueTask<CarrierOutcome> SendContentAsync(LoggedChange change, CancellationToken stopping);

    /// <summary>
    /// Has the server apply a batch, as a whole but for what it refuses, after all batches before it. Asked once more with a number, it sends the same changes, and a server that has
    /// applied them says what it said. It is called in the order of numbers, several at a time; what it does before its first wait decides the order on the wire. A server takes a number only after the
    /// one before: a batch that overtook another is unreachable.
    /// </summary>
    ValueTask<CarrierOutcome> SendBatchAsync(BatchNumber number, IReadOnlyList<BatchedChange> changes, CancellationToken stopping);
}

/// <summary>A change that the server doesn't take.</summary>
internal readonly record struct RefusedChange(LoggedChange Logged, Failure Reason);

/// <summary>Takes over what can't be done.</summary>
internal interface IRefusedChanges
{
    /// <summary>
    /// When it returns, these are kept where a person finds them, on stable storage, and the caches don't show them any more: what is logged after that depends on none of them. It may be told of the same
    /// again after a crash; and what was refused with its content may then be taken after all. Nothing new is sent meanwhile, so it may not wait for that; it may log nothing, either.
    /// </summary>
    /// <param name="refused">In order. May be empty, where dependants came up meanwhile.</param>
    /// <param name="dependants">Changes that need them, directly or over others, in order: they are not sent.</param>
    ValueTask RefusedAsync(IReadOnlyList<RefusedChange> refused, IReadOnlyList<LoggedChange> dependants);
}

/// <summary>Why nothing more is sent.</summary>
internal enum ShippingEnd : byte
{
    /// <summary>The client is going down.</summary>
    Stopped = 0,

    /// <summary>The session is over. What waits is in the log; another shipper goes on with it.</summary>
    SessionLost,
}

/// <param name="OldestAge">Of the first that waits; zero where none does.</param>
/// <param name="BatchesUnderWay">Batches that were begun.</param>
/// <param name="IsUnreachable">The last that was sent didn't reach the server.</param>
/// <param name="Refused">Changes that the server refused, and those that needed them and weren't sent, since the start.</param>
internal readonly record struct ShipperFigures(int WaitingChanges, long WaitingBytes, TimeSpan OldestAge, int BatchesUnderWay, bool IsUnreachable, long Refused);

using Afs.Venus.Callbacks;

namespace Afs.Venus.Tests;

/// <summary>Mistakes that a client could make; the model must find each.</summary>
[Flags]
public enum PlantedBug
{
    None = 0,
    GrantAcrossABreak = 1,
    LeaseCountedFromTheReply = 2,
    IgnoreTheResetCount = 4,
    AcknowledgeBeforeMarking = 8,
    BelieveWithoutPromises = 16,
}

/// <summary>
/// One vnode, one client that caches it, a server, and other clients that write: every state that a small number of events can reach. The client
/// decides by <see cref="PromiseRules"/>; messages are late, lost and overtaken at will.
/// </summary>
/// <param name="Completed">The newest version whose writer's call has returned.</param>
/// <param name="IsOut">A break is unacknowledged: the server lets no writer go while one is.</param>
/// <param name="IsBreakInNet">It has not arrived yet.</param>
/// <param name="IsUnpromised">The server serves it without promises: it was late.</param>
/// <param name="KnowsUnpromised">So said the newest reply that it got.</param>
public readonly record struct PromiseModel(
    int Version, int Completed, bool IsHeld, bool IsOut, bool IsBreakInNet, int ServerResets, bool IsUnpromised, bool KnowsUnpromised,
    int Cached, uint Promised, uint Generation, ulong Breaks, int ClientResets, bool LeaseRuns,
    PromiseModel.Call Fetch, PromiseModel.Call Own)
{
    private const int MostVersions = 3, MostResets = 2;
    private const ulong MostBreaks = 2;
    private const uint MostGenerations = 3;

    public enum Stage : byte
    {
        None,
        Sent,
        Replied,
    }

    /// <summary>A call of the client on its way.</summary>
    /// <param name="IsOld">It was sent longer ago than a lease: its reply renews none.</param>
    public readonly record struct Call(Stage Stage, CallMark Mark, int Version, int Resets, bool IsOld, bool IsUnpromised)
    {
        /// <summary>The server heard nothing for a lease: what it has answered was sent before.</summary>
        public Call Aged => this with { IsOld = IsOld || Stage == Stage.Replied };
    }

    public static PromiseModel Start => new(1, 1, false, false, false, 0, false, false, 0, 0, 1, 0, 0, true, default, default);

    public bool IsTrusted => !KnowsUnpromised && PromiseRules.Holds(Promised, Generation, LeaseRuns);

    /// <summary>S1: what is trusted is no older than what any finished writer wrote.</summary>
    public bool IsSafe => !IsTrusted || Cached >= Completed;

    public IEnumerable<PromiseModel> Next(PlantedBug bug)
    {
        CallMark mark = new(Generation, Breaks);
        if (Fetch.Stage == Stage.None)
            yield return this with { Fetch = new(Stage.Sent, mark, 0, 0, false, false) };
        if (Own.Stage == Stage.None)
            yield return this with { Own = new(Stage.Sent, mark, 0, 0, false, false) };
        if (Fetch.Stage == Stage.Sent)
            yield return this with { IsHeld = !IsUnpromised, Fetch = Fetch with { Stage = Stage.Replied, Version = Version, Resets = ServerResets, IsUnpromised = IsUnpromised } };
        if (Own.Stage == Stage.Sent && Version < MostVersions)
            yield return this with { Version = Version + 1, Own = Own with { Stage = Stage.Replied, Version = Version + 1, Resets = ServerResets, IsUnpromised = IsUnpromised } };
        if (Fetch.Stage == Stage.Replied)
        {
            yield return Receive(Fetch, bug).Granted(Fetch, bug) with { Fetch = default };
            yield return this with { Fetch = default }; // Lost.
        }
        if (Own.Stage == Stage.Replied)
        {
            yield return Receive(Own, bug).Kept(Own) with { Own = default };
            yield return this with { Own = default, Promised = 0, Breaks = Breaks + 1 }; // In doubt: the client distrusts it.
        }
        if (Version < MostVersions)
            yield return AnotherWrites();
        if (IsBreakInNet && Breaks < MostBreaks)
        {
            if (bug.HasFlag(PlantedBug.AcknowledgeBeforeMarking))
                yield return (this with { IsBreakInNet = false }).Acknowledged();
            else
                yield return (this with { IsBreakInNet = false, Breaks = Breaks + 1, Promised = 0 }).Acknowledged();
        }
        if (LeaseRuns && Generation < MostGenerations)
            yield return this with { LeaseRuns = false, Generation = Generation + 1 };
        if (!LeaseRuns && ServerResets < MostResets)
        {
            // Its lease ended at the server too: nobody waits for it.
            yield return (this with { IsHeld = false, ServerResets = ServerResets + 1, Fetch = Fetch.Aged, Own = Own.Aged }).Acknowledged();
        }
        if (IsOut && !IsUnpromised && ServerResets < MostResets)
        {
            // It is late: it is told to let go of everything, and waited for once more.
            yield return this with { IsHeld = false, ServerResets = ServerResets + 1, IsUnpromised = true, IsBreakInNet = true };
        }
        if (IsUnpromised && !IsOut && ServerResets < MostResets)
            yield return this with { IsUnpromised = false, ServerResets = ServerResets + 1 };
        if (!IsOut && !IsUnpromised && ServerResets < MostResets)
            yield return this with { IsHeld = false, ServerResets = ServerResets + 1, IsOut = true, IsBreakInNet = true }; // Its table was full.
    }

    private PromiseModel AnotherWrites()
    {
        PromiseModel written = this with { Version = Version + 1 };
        if (IsHeld)
            return written with { IsHeld = false, IsOut = true, IsBreakInNet = true };
        return IsOut ? written : written with { Completed = written.Version };
    }

    private PromiseModel Acknowledged() => this with { IsOut = false, Completed = IsHeld ? Completed : Version };

    /// <summary>What every reply does: the lease, and the reset count.</summary>
    private PromiseModel Receive(Call call, PlantedBug bug)
    {
        bool isReset = call.Resets > ClientResets && !bug.HasFlag(PlantedBug.IgnoreTheResetCount);
        bool isUnpromised = call.Resets >= ClientResets ? call.IsUnpromised && !bug.HasFlag(PlantedBug.BelieveWithoutPromises) : KnowsUnpromised;
        return this with
        {
            KnowsUnpromised = isUnpromised,
            LeaseRuns = !isUnpromised && (LeaseRuns || !call.IsOld || bug.HasFlag(PlantedBug.LeaseCountedFromTheReply)),
            ClientResets = Math.Max(ClientResets, call.Resets),
            Generation = isReset ? Generation + 1 : Generation,
        };
    }

    private PromiseModel Granted(Call call, PlantedBug bug)
    {
        if (PromiseRules.IsOlder(new((ulong)call.Version), new((ulong)Cached)))
            return this;
        bool brokenSince = Breaks > call.Mark.Breaks && !bug.HasFlag(PlantedBug.GrantAcrossABreak);
        return this with { Cached = call.Version, Promised = PromiseRules.Grant(call.Mark, brokenSince) };
    }

    private PromiseModel Kept(Call call)
    {
        if (call.Version <= Cached)
            return this;
        bool follows = PromiseRules.Follows(new((ulong)call.Version), new((ulong)Cached));
        return this with { Cached = call.Version, Promised = follows ? Promised : 0 };
    }
}

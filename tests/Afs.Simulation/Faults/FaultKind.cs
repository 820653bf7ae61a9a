namespace Afs.Simulation;

/// <summary>What goes wrong.</summary>
internal enum FaultKind
{
    CutOneWay,
    CutBothWays,
    Heal,
    KillServer,
    KillServerAtStep,
    KillClient,
    KillClientAtStep,

    /// <summary>The server is back at once, and a client doesn't know.</summary>
    BounceServer,

    /// <summary>A client's replies come late, then its calls don't arrive, then it hears nothing either.</summary>
    FadeOut,
    SuspendClient,
    SuspendServer,
    Weather,
    Calm,
}

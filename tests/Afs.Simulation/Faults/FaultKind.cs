namespace Afs.Simulation;

/// <summary>What goes wrong.</summary>
internal enum FaultKind
{
    CutOneWay,
    CutBothWays,
    Heal,

    /// <summary>What a client or the server sends takes seconds more, also what is already given up: it comes after what was sent later by another way.</summary>
    Lag,
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
    FillServerDisk,
    FillClientDisk,
    FailClientIndex,
    Weather,
    Calm,
}

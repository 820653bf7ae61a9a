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
    SuspendClient,
    SuspendServer,
    Weather,
    Calm,
}

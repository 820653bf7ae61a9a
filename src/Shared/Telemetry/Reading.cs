namespace Afs.Telemetry;

/// <summary>One figure of a daemon at one moment.</summary>
/// <param name="Name">Dotted lower case, as "breaks.sent".</param>
/// <param name="IsCounter">It only rises while the daemon lives; else it goes up and down.</param>
public readonly record struct Reading(string Name, string Help, bool IsCounter, long Value);

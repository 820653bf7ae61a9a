namespace Afs.Simulation;

/// <summary>Ends what a host was doing at the moment of its death. Nobody but the world catches it on purpose.</summary>
internal sealed class HostDiedException(string host) : Exception($"{host} died.");

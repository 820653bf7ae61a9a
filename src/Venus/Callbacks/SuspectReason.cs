namespace Afs.Venus.Callbacks;

/// <summary>Why all promises of a server are gone at once.</summary>
public enum SuspectReason : byte
{
    LeaseEnded,
    ServerRestarted,
    ServerReset,
    NewSession,
    VolumeBroken,
}

namespace Afs.Rpc;

/// <summary>Why a server refuses a connection.</summary>
public enum RefusalReason : byte
{
    /// <summary>Client and server have different protocol versions.</summary>
    Version = 1,

    /// <summary>The session ended, or never was. The client must establish another.</summary>
    SessionUnknown = 2,

    /// <summary>The server has as many connections as it takes, or is stopping. Try again later.</summary>
    Busy = 3,
}

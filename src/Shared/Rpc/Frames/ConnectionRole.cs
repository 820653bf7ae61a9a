namespace Afs.Rpc;

/// <summary>What a connection is for.</summary>
public enum ConnectionRole : byte
{
    /// <summary>Calls in both directions. One per session.</summary>
    Control = 1,

    /// <summary>Content, one exchange at a time. Some per session.</summary>
    Bulk = 2,
}

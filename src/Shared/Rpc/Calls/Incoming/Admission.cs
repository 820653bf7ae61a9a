namespace Afs.Rpc;

/// <summary>What is to be done with a call that has just arrived.</summary>
internal enum Admission
{
    /// <summary>It is new here: run it.</summary>
    Run,

    /// <summary>It is running: the reply of that run answers this one too.</summary>
    Running,

    /// <summary>It ran: give the same reply.</summary>
    Replay,

    /// <summary>Its reply was seen, or nobody waits for it any more: drop it.</summary>
    Stale,

    /// <summary>Too much at once: not now.</summary>
    Busy,
}

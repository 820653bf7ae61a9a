namespace Afs.Simulation;

/// <summary>What an application was told of a change that it asked for.</summary>
internal enum OperationOutcome
{
    /// <summary>Nothing: it runs, or its host died.</summary>
    Pending,
    Succeeded,

    /// <summary>The server refused, or was never asked: it must not have run.</summary>
    NotDone,

    /// <summary>It may have run, once.</summary>
    InDoubt,
}

/// <summary>A change of names that an application asked for.</summary>
/// <param name="Runs">Does a mutation of the server look like it?</param>
internal sealed record Operation(int Id, int Client, string What, long Began, Func<Mutation, bool> Runs)
{
    public OperationOutcome Outcome { get; set; }

    /// <summary>What it changes, where that may have no name; zero: names.</summary>
    public ulong Vnode { get; init; }

    /// <summary>Would an answer about this vnode, or this name in it, show it?</summary>
    public required Func<ulong, string?, bool> Touches { get; init; }
}

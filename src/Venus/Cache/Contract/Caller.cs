using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>For whom an operation is done: what this machine's kernel says of the process that asked.</summary>
public readonly record struct Caller(uint Uid, uint Gid)
{
    private const uint Nobody = uint.MaxValue;

    /// <summary>The client itself, for nobody: probes, validation, what is fetched before somebody asks for it. The kernel has no user of this number.</summary>
    public static readonly Caller Client = new(Nobody, Nobody);

    /// <summary>How calls to the server name it.</summary>
    public CallerNumber Number => this == Client ? default : KernelCallers.OfUid(Uid);
}

/// <summary>
/// Goes with an operation of the cache through all that is done for it: for whom it is, and whether he still waits. What goes on when he has gone carries his
/// <see cref="Caller"/>, also into the index, where a daemon that starts later finds it.
/// </summary>
public readonly record struct OperationContext(Caller Caller, CancellationToken Interrupted)
{
    /// <summary>The thread that asked, as this machine's kernel numbers it; zero where that isn't known.</summary>
    public uint Pid { get; init; }

    /// <summary>Nobody waits for it any more.</summary>
    public bool IsInterrupted => Interrupted.IsCancellationRequested;

    /// <summary>Work of the client's own.</summary>
    public static OperationContext OfClient(CancellationToken stopping) => new(Caller.Client, stopping);

    /// <summary>Where only the wait matters.</summary>
    public static implicit operator CancellationToken(OperationContext operation) => operation.Interrupted;
}

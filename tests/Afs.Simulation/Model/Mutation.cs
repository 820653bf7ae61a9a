using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>One client's mutation as the server committed it: what it wrote, in the order of writing, and its call.</summary>
internal sealed record Mutation(SessionId Session, ClientId Client, CallSequence Call, AbortCode Abort)
{
    public List<FetchStatus> Statuses { get; init; } = [];

    public List<VnodeNumber> Deleted { get; init; } = [];

    public List<NameWrite> Names { get; init; } = [];

    /// <summary>When it was committed.</summary>
    public long At { get; set; }

    /// <summary>The operation that it was found to belong to; zero for none so far.</summary>
    public int Operation { get; set; }

    public bool HasEffect => Statuses.Count + Deleted.Count + Names.Count > 0;
}

/// <summary>A name that was set, or removed where the target is zero.</summary>
internal readonly record struct NameWrite(ulong Directory, string Name, ulong Target);

using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>One client's mutation as the server committed it: what it wrote, in the order of writing, and its call.</summary>
internal sealed record Mutation(SessionId Session, ClientId Client, CallSequence Call, AbortCode Abort)
{
    public List<FetchStatus> Statuses { get; init; } = [];

    public List<VnodeNumber> Deleted { get; init; } = [];

    public List<NameWrite> Names { get; init; } = [];

    public List<XattrWrite> Xattrs { get; init; } = [];

    /// <summary>Of a batch: its number, and which of its operations that ran this was. One mutation of the model is one operation.</summary>
    public BatchNumber Batch { get; init; }

    public int Place { get; init; }

    /// <summary>Operations of its batch that were refused.</summary>
    public int Refused { get; init; }

    /// <summary>Some of them for want of room, which is nobody's fault.</summary>
    public bool LackedRoom { get; init; }

    /// <summary>It changed no content and no name; said by the history, which knows what was before.</summary>
    public bool IsOfStatusOnly { get; set; }

    /// <summary>It changed what goes along with this file, and nothing else.</summary>
    public bool IsOfStatus(Fid fid) => IsOfStatusOnly && Statuses is [var status] && status.Fid == fid;

    /// <summary>When it was committed.</summary>
    public long At { get; set; }

    /// <summary>The operation that it was found to belong to; zero for none so far.</summary>
    public int Operation { get; set; }

    public bool HasEffect => Statuses.Count + Deleted.Count + Names.Count > 0;
}

/// <summary>An xattr that was set, or removed where the value is null. Name and value in hexadecimal.</summary>
internal readonly record struct XattrWrite(ulong Vnode, string Name, string? Value);

/// <summary>A name that was set, or removed where the target is zero.</summary>
internal readonly record struct NameWrite(ulong Directory, string Name, ulong Target);

using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>Orders vnodes.</summary>
internal readonly record struct VnodeKey(VolumeId Volume, VnodeNumber Vnode) : IComparable<VnodeKey>
{
    public int CompareTo(VnodeKey other)
    {
        int order = Volume.Value.CompareTo(other.Volume.Value);
        return order != 0 ? order : Vnode.Value.CompareTo(other.Vnode.Value);
    }
}

/// <summary>Orders the names of vnodes, as bytes.</summary>
internal readonly record struct NameKey(VnodeKey Vnode, byte[] Name) : IComparable<NameKey>
{
    public int CompareTo(NameKey other)
    {
        int order = Vnode.CompareTo(other.Vnode);
        return order != 0 ? order : Name.AsSpan().SequenceCompareTo(other.Name);
    }
}

/// <summary>Orders replies.</summary>
internal readonly record struct ReplyKey(SessionId Session, CallSequence Sequence) : IComparable<ReplyKey>
{
    public int CompareTo(ReplyKey other)
    {
        int order = Session.Value.CompareTo(other.Session.Value);
        return order != 0 ? order : Sequence.Value.CompareTo(other.Sequence.Value);
    }
}

/// <summary>Orders kept versions.</summary>
internal readonly record struct KeptKey(Fid Fid, DataVersion Version) : IComparable<KeptKey>
{
    public int CompareTo(KeptKey other)
    {
        int order = new VnodeKey(Fid.Volume, Fid.Vnode).CompareTo(new VnodeKey(other.Fid.Volume, other.Fid.Vnode));
        return order != 0 ? order : Version.Value.CompareTo(other.Version.Value);
    }
}

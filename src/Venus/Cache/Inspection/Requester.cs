using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Whose rights a question about the mount is answered by: the classic ones of owner, group and others (path_resolution(7)), as the kernel
/// checks them for a system call.
/// </summary>
/// <param name="IsOwner">The user whose daemon it is, or root: may ask everything.</param>
public sealed record Requester(uint Uid, uint Gid, IReadOnlyList<uint> Groups, bool IsOwner)
{
    private const uint Read = 4, Search = 1;
    private const int OwnerShift = 6, GroupShift = 3;

    /// <summary>May find a name in this directory.</summary>
    public bool MaySearch(FetchStatus directory) => May(directory, Search);

    public bool MayRead(FetchStatus vnode) => May(vnode, Read);

    private bool May(FetchStatus vnode, uint right)
    {
        if (IsOwner)
            return true;
        int shift = vnode.Uid == Uid ? OwnerShift : vnode.Gid == Gid || Groups.Contains(vnode.Gid) ? GroupShift : 0;
        return (vnode.Mode >> shift & right) != 0;
    }
}

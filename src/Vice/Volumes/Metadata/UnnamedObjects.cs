using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>
/// An object without a name (O_TMPFILE) is of the session that made it: whoever else says its fid learns that there is no such vnode. One that is linked is everybody's.
/// </summary>
internal static class UnnamedObjects
{
    /// <summary>Whether the vnode is there for <paramref name="session"/>; for the server itself (the default session) each is.</summary>
    public static bool IsThereFor(this IMetadataView view, FetchStatus status, SessionId session) =>
        status.LinkCount > 0 || session == default || view.FindUnnamed(status.Fid.Volume, status.Fid.Vnode) is not { } owner || owner == session;

    /// <summary>Null: no such vnode in this view, or not for this session.</summary>
    public static FetchStatus? Find(this IMetadataView view, Fid fid, SessionId session) =>
        view.FindVnode(fid.Volume, fid.Vnode) is { } status && status.Fid == fid && view.IsThereFor(status, session) ? status : null;
}

using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Status;

/// <summary>setxattr(2) and removexattr(2).</summary>
internal static class StoreXattr
{
    public static Outcome<StoreXattrReply> Run(MutationScope scope, StoreXattrRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        IReadOnlyList<Xattr> xattrs = status.HasXattrs ? scope.View.ReadXattrs(request.Fid.Volume, request.Fid.Vnode) : [];
        List<Xattr> others = [.. xattrs.Where(xattr => !xattr.Name.AsSpan().SequenceEqual(request.Name))];
        if (Refusal(request, exists: others.Count < xattrs.Count, others) is { } refusal)
            return refusal;

        scope.Change(status with { ChangeTime = request.ChangeTime, HasXattrs = request.Value is not null || others.Count > 0 });
        scope.Apply();
        if (request.Value is null)
            scope.Transaction.DeleteXattr(request.Fid.Volume, request.Fid.Vnode, request.Name);
        else
            scope.Transaction.PutXattr(request.Fid.Volume, request.Fid.Vnode, request.Name, request.Value);
        return new StoreXattrReply { Status = scope.Promise(request.Fid) };
    }

    private static AbortCode? Refusal(StoreXattrRequest request, bool exists, List<Xattr> others)
    {
        if (!exists && (request.Value is null || request.Mode == XattrMode.Replace))
            return AbortCodes.NoXattr;
        if (exists && request.Value is not null && request.Mode == XattrMode.Create)
            return AbortCodes.XattrExists;
        if (request.Value is null)
            return null;
        int total = others.Sum(xattr => xattr.Name.Length + xattr.Value.Length) + request.Name.Length + request.Value.Length;
        return total > Limits.XattrTotalBytes || others.Count + 1 > Limits.XattrsPerVnode ? AbortCodes.XattrTooLarge : null;
    }
}

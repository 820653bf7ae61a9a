using Afs.Fuse.Abi;

namespace Afs.Fuse;

/// <summary>What a session has to tell. Called on reader threads and wherever operations complete; must not wait or throw.</summary>
public interface IFuseLog
{
    /// <summary>An operation threw; the caller got EIO.</summary>
    void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception);

    /// <summary>A request was too short or contradicted itself; the caller got EINVAL.</summary>
    void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes);

    /// <summary>The kernel refused a reply, for another reason than that nobody waits for it.</summary>
    void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error);

    /// <summary>Reading requests failed, for another reason than that the filesystem was unmounted. The session ends.</summary>
    void DeviceFailed(Errno error);
}

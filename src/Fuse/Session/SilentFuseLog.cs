using Afs.Fuse.Abi;

namespace Afs.Fuse.Session;

/// <summary>For those who asked for no log.</summary>
internal sealed class SilentFuseLog : IFuseLog
{
    public static readonly SilentFuseLog Instance = new();

    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception)
    {
    }

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes)
    {
    }

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error)
    {
    }

    public void DeviceFailed(Errno error)
    {
    }
}

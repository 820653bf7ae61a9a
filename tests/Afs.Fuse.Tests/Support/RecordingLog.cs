using System.Collections.Concurrent;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Tests.Support;

/// <summary>Keeps what a session told.</summary>
internal sealed class RecordingLog : IFuseLog
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception) =>
        Lines.Enqueue($"failed {operation} {node} {request.Value} {exception.Message}");

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes) =>
        Lines.Enqueue($"malformed {operation} {node} {request.Value}");

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error) =>
        Lines.Enqueue($"rejected {operation} {node} {request.Value} {error}");

    public void DeviceFailed(Errno error) => Lines.Enqueue($"device {error}");
}

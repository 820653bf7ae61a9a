using Afs.Fuse.Abi;

namespace Afs.Fuse;

/// <summary>Writes what a session has to tell as lines of text. The writer must be safe for several threads (Console.Error is).</summary>
public sealed class TextWriterFuseLog(TextWriter writer) : IFuseLog
{
    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception) =>
        writer.WriteLine($"fuse: {operation} of {node} (request {request.Value}) failed: {exception}");

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes) =>
        writer.WriteLine($"fuse: malformed {operation} of {node} (request {request.Value}, {frameBytes} bytes)");

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error) =>
        writer.WriteLine($"fuse: the kernel refused the reply to {operation} of {node} (request {request.Value}): {error}");

    public void DeviceFailed(Errno error) => writer.WriteLine($"fuse: reading requests failed: {error}");
}

using Afs.Fuse.Abi;

namespace Afs.Fuse;

/// <summary>Hears of the faults of a session. Called on reader threads and on threads where operations complete: must not wait or throw.</summary>
public interface IFuseLog
{
    /// <summary>An operation threw; the caller got EIO.</summary>
    void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception);

    /// <summary>A request was too short or contradicted itself; the caller got EINVAL.</summary>
    void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes);

    /// <summary>The kernel refused a reply, though its caller still waits for it.</summary>
    void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error);

    /// <summary>Reading requests failed, and not because the filesystem was unmounted. The session ends.</summary>
    void DeviceFailed(Errno error);
}

/// <summary>Writes each fault as a line of text. The writer must be safe for several threads (Console.Error is).</summary>
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

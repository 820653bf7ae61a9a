using Afs.Fuse;
using Afs.Fuse.Abi;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>The FUSE session's troubles in the daemon's log.</summary>
internal sealed partial class FuseLog(ILogger log) : IFuseLog
{
    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception) =>
        LogOperationFailed(operation, node, request.Value, exception);

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes) =>
        LogRequestMalformed(operation, node, request.Value, frameBytes);

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error) =>
        LogReplyRejected(operation, node, request.Value, error);

    public void DeviceFailed(Errno error) => LogDeviceFailed(error);

    [LoggerMessage(EventId = 910, Level = LogLevel.Error, Message = "{Operation} of {Node} failed (request {Request})")]
    private partial void LogOperationFailed(FuseOpcode operation, NodeId node, ulong request, Exception exception);

    [LoggerMessage(EventId = 911, Level = LogLevel.Error, Message = "{Operation} of {Node} is malformed (request {Request}, {FrameBytes} bytes)")]
    private partial void LogRequestMalformed(FuseOpcode operation, NodeId node, ulong request, int frameBytes);

    [LoggerMessage(EventId = 912, Level = LogLevel.Error, Message = "The kernel refuses the reply to {Operation} of {Node} (request {Request}): {Error}")]
    private partial void LogReplyRejected(FuseOpcode operation, NodeId node, ulong request, Errno error);

    [LoggerMessage(EventId = 913, Level = LogLevel.Critical, Message = "The FUSE device failed: {Error}; the mount ends")]
    private partial void LogDeviceFailed(Errno error);
}

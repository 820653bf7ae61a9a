using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>Every message that the Rpc layer logs.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Listening at {Endpoint}")]
    public static partial void Listening(this ILogger log, RpcEndpoint endpoint);

    [LoggerMessage(2, LogLevel.Debug, "Connection of {Peer} ended: {Reason}")]
    public static partial void ConnectionEnded(this ILogger log, string peer, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Connection of {Peer} broken: {Reason}")]
    public static partial void ConnectionBroken(this ILogger log, string peer, string reason);

    [LoggerMessage(4, LogLevel.Error, "{Operation} for {Peer} failed inside the service{More}")]
    public static partial void HandlerFailed(this ILogger log, string operation, string? peer, string more, Exception e);

    [LoggerMessage(5, LogLevel.Warning, "Refused {Peer}: {Reason}")]
    public static partial void Refused(this ILogger log, string peer, string reason);

    [LoggerMessage(6, LogLevel.Debug, "Session {Session:x} of client {Client} attached from {Peer}")]
    public static partial void Attached(this ILogger log, ulong session, ClientId client, string peer);

    [LoggerMessage(7, LogLevel.Warning, "Accepting at {Endpoint} failed: {Reason}{More}")]
    public static partial void AcceptFailed(this ILogger log, RpcEndpoint endpoint, string reason, string more);

    [LoggerMessage(8, LogLevel.Information, "Connected to {Endpoint}, session {Session:x}{More}")]
    public static partial void Connected(this ILogger log, RpcEndpoint endpoint, ulong session, string more);

    [LoggerMessage(9, LogLevel.Warning, "Not connected to {Endpoint}: {Reason}{More}")]
    public static partial void NotConnected(this ILogger log, RpcEndpoint endpoint, string reason, string more);

    [LoggerMessage(10, LogLevel.Warning, "{Running} calls still run after the time to drain; their connections end now")]
    public static partial void DrainExpired(this ILogger log, int running);

    [LoggerMessage(11, LogLevel.Error, "Connection of {Peer} ended by an unexpected error")]
    public static partial void ConnectionFailed(this ILogger log, string peer, Exception e);
}

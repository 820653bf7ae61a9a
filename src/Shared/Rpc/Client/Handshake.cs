namespace Afs.Rpc;

/// <summary>The client's side of a connection's first two frames.</summary>
internal static class Handshake
{
    private const int MaxAnswerBytes = 1024;

    /// <exception cref="RpcRefusedException">The server refused.</exception>
    /// <exception cref="IOException">The connection broke, or the server didn't answer.</exception>
    public static async Task<WelcomeFrame> RunAsync(RpcConnection connection, IFrameConnection transport, HelloFrame hello, RpcClientOptions options)
    {
        using var limit = new CancellationTokenSource(options.Timings.Handshake, options.Time);
        using CancellationTokenRegistration registration = limit.Token.Register(
            () => connection.Break($"the server didn't answer within {options.Timings.Handshake.TotalSeconds} s"));
        await transport.EstablishAsync(limit.Token);
        await connection.Sender.SendAsync(hello);
        await using ITimer? again = connection.IsReliable ? null : Repeat(connection, hello, options);
        while (true)
        {
            using ReceivedFrame frame = await connection.ReceiveAsync(connection.IsReliable ? MaxAnswerBytes : FrameLimits.ControlBytes);
            switch (frame.Type)
            {
                case FrameType.Welcome:
                    return WelcomeFrame.Read(frame.Content.Span);
                case FrameType.Refusal:
                    RefusalFrame refusal = RefusalFrame.Read(frame.Content.Span, out string text);
                    throw new RpcRefusedException(refusal.Reason, Explain(refusal, text));
                case FrameType.None:
                    throw new IOException("the server closed the connection");
                default:
                    // On a network that reorders, a call may come before the welcome. It will come again.
                    if (connection.IsReliable)
                        throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where the server's answer belongs.");
                    break;
            }
        }
    }

    private static string Explain(RefusalFrame refusal, string text) => refusal.Reason == RefusalReason.Version
        ? $"the server speaks protocol version {refusal.ServerVersion}, this client speaks version {ProtocolVersion.Current}"
        : "the server refused: " + text;

    private static ITimer Repeat(RpcConnection connection, HelloFrame hello, RpcClientOptions options) => options.Time.CreateTimer(
        _ => _ = connection.Sender.SendAsync(hello), null, options.Timings.Resend.First, options.Timings.Resend.First);
}

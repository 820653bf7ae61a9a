namespace Afs.Cli;

/// <summary>A mount on this machine, by its daemon's socket.</summary>
internal sealed record Mount(string SocketPath)
{
    /// <exception cref="ControlException">The daemon is gone, or refuses.</exception>
    public async Task<ControlReply> AskAsync(ControlRequest request, CancellationToken cancellation) =>
        Check(await ControlClient.TryAskAsync(SocketPath, request, cancellation));

    /// <summary>The reply, where there is one and it is no refusal.</summary>
    /// <exception cref="ControlException">The daemon is gone, or refuses.</exception>
    public ControlReply Check(ControlReply? reply)
    {
        if (reply is null)
            throw new ControlException(ExitCode.NotMounted, "The daemon of this mount has ended, or this user may not ask it.");
        return reply.Code == ExitCode.Done ? reply : throw new ControlException(reply.Code, reply.Message ?? "The daemon refuses.");
    }
}

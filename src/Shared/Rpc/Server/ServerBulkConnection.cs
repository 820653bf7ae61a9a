namespace Afs.Rpc;

internal sealed class ServerBulkConnection(RpcConnection connection, ServerSession session, ServerParts parts)
{
    public async Task<string> RunAsync(WelcomeFrame welcome)
    {
        await connection.Sender.SendAsync(welcome);
        return session.Id + parts.ToString();
    }
}

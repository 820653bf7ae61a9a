namespace Afs.Rpc;

/// <summary>What the client's owner learns of its session. Called on the connection's threads; must not wait.</summary>
public interface IClientSession
{
    /// <summary>
    /// A reply came. <paramref name="sentTimestamp"/> is the boot-time clock (<c>TimeProvider.GetTimestamp</c>) from before its request was
    /// first sent: the lease counts from there, for nobody can tell which transmission was answered. Where the network reorders, a reply may
    /// carry an older epoch or a lower reset count than an earlier one.
    /// Called before the reply is given to the caller, in the order of arrival with the server's calls. Bulk exchanges aren't reported.
    /// </summary>
    void Replied(Epoch epoch, ulong resetCount, long sentTimestamp);

    /// <summary>A session was established: a new one, or the same one over another connection.</summary>
    void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, ulong resetCount);

    /// <summary>The connection is gone; calls wait and retry until their deadlines.</summary>
    void Disconnected(string reason);
}

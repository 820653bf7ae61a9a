using Afs.Rpc;

namespace Afs.Simulation;

/// <summary>Planted: that the server promises nothing is overheard.</summary>
internal sealed class Believer(IClientSession session) : IClientSession
{
    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp) => session.Replied(epoch, trust with { IsWithoutPromises = false }, sentTimestamp);

    public void Established(SessionId id, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust) =>
        session.Established(id, isNewSession, epoch, lease, trust with { IsWithoutPromises = false });

    public void Disconnected(string reason) => session.Disconnected(reason);
}

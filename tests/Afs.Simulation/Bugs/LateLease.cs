using Afs.Rpc;

namespace Afs.Simulation;

/// <summary>Planted: the lease counts from when the reply came.</summary>
internal sealed class LateLease(IClientSession session, TimeProvider time) : IClientSession
{
    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp) => session.Replied(epoch, trust, time.GetTimestamp());

    public void Established(SessionId id, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust) =>
        session.Established(id, isNewSession, epoch, lease, trust);

    public void Disconnected(string reason) => session.Disconnected(reason);
}

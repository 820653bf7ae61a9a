using Afs.Rpc;

namespace Afs.Simulation;

/// <summary>Planted: the lease counts from when the reply came.</summary>
internal sealed class LateLease(IClientSession session, TimeProvider time) : IClientSession
{
    public void Replied(Epoch epoch, ulong resetCount, long sentTimestamp) => session.Replied(epoch, resetCount, time.GetTimestamp());

    public void Established(SessionId id, bool isNewSession, Epoch epoch, TimeSpan lease, ulong resetCount) =>
        session.Established(id, isNewSession, epoch, lease, resetCount);

    public void Disconnected(string reason) => session.Disconnected(reason);
}

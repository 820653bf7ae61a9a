using Afs.Venus.Callbacks;

namespace Afs.Simulation;

/// <summary>
/// Something that an application asks its client. One that serves what it has without a lease may answer with something old, if it had no lease
/// at any time since.
/// </summary>
internal readonly struct Question(long asked, ServerTrust trust, bool servesDisconnected)
{
    private readonly uint _generation = trust.Generation;
    private readonly bool _hadLease = trust.LeaseRuns;

    public long Asked => asked;

    /// <summary>What was acknowledged before then must be in an answer that is given now.</summary>
    public long Since => !servesDisconnected || _hadLease && trust.LeaseRuns && trust.Generation == _generation ? asked : 0;
}

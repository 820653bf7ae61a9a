using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: no break was ever on its way while a reply was.</summary>
internal sealed class DeafBreakLog : BreakLog
{
    public override bool HasMoved(Fid fid, ulong since) => false;
}

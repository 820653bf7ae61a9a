using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// What the server calls. The order is the protocol: first the log, so that replies on their way grant nothing; then the status, so that nobody
/// here trusts it; then the kernel, with no lock held; then the acknowledgement, on which a writer somewhere waits.
/// </summary>
internal sealed class BreakReceiver(BreakLog breaks, VnodeTable table, ServerTrust trust, KernelNotices kernel, CacheFigures figures, BreakFeed feed) : IVenusCallbacks
{
    public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        foreach (PromiseBreak broken in request.Breaks)
        {
            breaks.Note(broken.Fid);
            table.Break(broken.Fid);
        }
        feed.TellBroken(request.Breaks);
        figures.BreaksReceived.Add(request.Breaks.Count);
        if (request.Volumes.Count > 0)
        {
            // This cache holds one volume.
            breaks.NoteAll();
            trust.Distrust(SuspectReason.VolumeBroken);
            await kernel.InvalidateAllAsync();
        }
        if (request.Breaks.Count > 0)
            await kernel.InvalidateAsync(request.Breaks);
        return new BreakPromisesReply();
    }
}

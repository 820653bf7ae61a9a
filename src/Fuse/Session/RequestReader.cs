using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// One reader thread's loop: read a request, dispatch it, go on; with a fresh slot where the request took the old one along.
/// Ends when the filesystem was unmounted.
/// </summary>
internal sealed class RequestReader(FuseDevice device, ReaderTeam team, RequestDispatcher dispatcher, PendingGate gate, SlotPool pool, IFuseLog log)
{
    public void Run()
    {
        RequestSlot slot = pool.Rent();
        while (true)
        {
            gate.WaitForRoom();
            team.BeginRead();
            Errno error = device.Read(slot.FrameRoom, out int frameBytes);
            if (error == Errno.None)
            {
                ReadOnlySpan<byte> frame = slot.FrameRoom[..frameBytes];
                team.Took(RequestHeader.PeekOpcode(frame), RequestHeader.PeekCaller(frame));
                slot = dispatcher.Dispatch(slot, frameBytes) ? slot : pool.Rent();
            }
            else
            {
                team.TookNothing();
                if (IsPassing(error))
                {
                    continue;
                }

                if (error != Errno.ENODEV)
                {
                    log.DeviceFailed(error);
                }

                break;
            }
        }

        team.End();
        pool.Return(slot);
    }

    /// <summary>EINTR: a signal. ENOENT: the request was interrupted while it was being read. EAGAIN: another reader took it.</summary>
    private static bool IsPassing(Errno error) => error is Errno.EINTR or Errno.EAGAIN or Errno.ENOENT;
}

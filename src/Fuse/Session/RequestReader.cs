using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// One reader thread's loop: read a request, dispatch it, go on; with a fresh slot where the request took the old one along.
/// Ends when the filesystem was unmounted.
/// </summary>
internal sealed class RequestReader(FuseDevice device, ReaderTeam team, RequestDispatcher dispatcher, PendingGate gate, SlotPool pool, IFuseLog log)
{
    private RequestSlot _slot = pool.Rent();
    private RequestSlot _next = pool.Rent();

    public void Run()
    {
        while (true)
        {
            gate.WaitForRoom();
            team.BeginRead();
            Errno error = Read(_slot, out int frameBytes);
            if (error == Errno.None)
            {
                Handle(frameBytes);
            }
            else if (!IsPassing(error))
            {
                if (error != Errno.ENODEV)
                {
                    log.DeviceFailed(error);
                }

                break;
            }
        }

        team.End();
        pool.Return(_slot);
        pool.Return(_next);
    }

    /// <summary>A RELEASE, which nobody waits for, lets a quick request go first that is there already: the next OPEN of who closed, as a rule.</summary>
    private void Handle(int frameBytes)
    {
        int nextBytes = ReleaseRequest.IsOfReader(_slot.FrameRoom[..frameBytes]) ? ReadNext() : 0;
        if (nextBytes == 0)
        {
            Dispatch(ref _slot, frameBytes);
        }
        else if (ReaderTeam.IsQuick(RequestHeader.PeekOpcode(_next.FrameRoom[..nextBytes])))
        {
            Dispatch(ref _next, nextBytes);
            Dispatch(ref _slot, frameBytes);
        }
        else
        {
            Dispatch(ref _slot, frameBytes);
            Dispatch(ref _next, nextBytes);
        }
    }

    /// <summary>
    /// Reads another request, if one is there. Zero: none was read. Where its sender is killed between the look and the read, the read waits for the
    /// next one; what was open for reading only can bear that.
    /// </summary>
    private int ReadNext()
    {
        if (!team.TryBeginReadAlone())
        {
            return 0;
        }

        if (!device.HasRequest())
        {
            team.TookNothing();
            return 0;
        }

        return Read(_next, out int frameBytes) == Errno.None ? frameBytes : 0;
    }

    private void Dispatch(ref RequestSlot slot, int frameBytes) => slot = dispatcher.Dispatch(slot, frameBytes) ? slot : pool.Rent();

    private Errno Read(RequestSlot slot, out int frameBytes)
    {
        Errno error = device.Read(slot.FrameRoom, out frameBytes);
        if (error == Errno.None)
        {
            ReadOnlySpan<byte> frame = slot.FrameRoom[..frameBytes];
            team.Took(RequestHeader.PeekOpcode(frame), RequestHeader.PeekCaller(frame));
        }
        else
        {
            team.TookNothing();
        }

        return error;
    }

    /// <summary>EINTR: a signal. ENOENT: the request was interrupted while it was being read. EAGAIN: another reader took it.</summary>
    private static bool IsPassing(Errno error) => error is Errno.EINTR or Errno.EAGAIN or Errno.ENOENT;
}

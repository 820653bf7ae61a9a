using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Operations on ranges of an open file.</summary>
internal static class ExtentOperations
{
    /// <summary>COPY_FILE_RANGE answers with 32 bits; a longer copy is cut to whole pages below that, and the caller goes on.</summary>
    private const long MaxCopyBytes = uint.MaxValue & ~(uint)(FuseProtocol.PageBytes - 1);

    public static bool Fallocate(Responder responder, RequestSlot slot)
    {
        Errno error = FallocateRequest.Parse(slot.Body, out FallocateRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot,
                responder.FileSystem.Fallocate(slot.Caller, slot.Node, request.Handle, request.Offset, request.LengthBytes, request.Mode));
    }

    public static bool Seek(Responder responder, RequestSlot slot)
    {
        Errno error = SeekRequest.Parse(slot.Body, out SeekRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<long>, OffsetShape>(
                slot, responder.FileSystem.Seek(slot.Caller, slot.Node, request.Handle, request.Offset, request.Whence));
    }

    public static bool CopyFileRange(Responder responder, RequestSlot slot)
    {
        Errno error = CopyFileRangeRequest.Parse(slot.Body, out CopyFileRangeRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<long>, CopyShape>(slot, Copy(responder, slot, request, MaxCopyBytes));
    }

    public static bool CopyFileRange64(Responder responder, RequestSlot slot)
    {
        Errno error = CopyFileRangeRequest.Parse(slot.Body, out CopyFileRangeRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<long>, OffsetShape>(slot, Copy(responder, slot, request, long.MaxValue));
    }

    private static ValueTask<FuseResult<long>> Copy(Responder responder, RequestSlot slot, in CopyFileRangeRequest request, long maxBytes) =>
        responder.FileSystem.CopyFileRange(
            slot.Caller, slot.Node, request.Handle, request.Offset, request.ToNode, request.ToHandle, request.ToOffset,
            Math.Min(request.LengthBytes, maxBytes), request.Flags);
}

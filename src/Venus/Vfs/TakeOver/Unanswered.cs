using System.Collections.Concurrent;
using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>
/// Handles that a predecessor made. If the kernel sends the request of one again, it never learned the handle, and never releases it. The kernel's
/// numbers of requests only rise, so no request is taken for another. Filled before the session resumes.
/// </summary>
internal sealed class Unanswered
{
    /// <summary>FUSE_UNIQUE_RESEND.</summary>
    private const ulong Resent = 1UL << 63;

    private readonly ConcurrentDictionary<ulong, FileHandle> _handles = new();

    public void Add(ulong request, FileHandle handle) => _handles[request & ~Resent] = handle;

    /// <summary>The handle that was made for this request by the predecessor, if this is its repetition.</summary>
    public bool TryTake(RequestId request, out FileHandle handle)
    {
        handle = default;
        return (request.Value & Resent) != 0 && _handles.TryRemove(request.Value & ~Resent, out handle);
    }
}

using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>Content beyond <see cref="Limits.InlineContentBytes"/>, on bulk connections.</summary>
public interface IContentTransfer
{
    /// <summary>
    /// Downloads; <paramref name="write"/> gets the bytes in order from offset 0. After a broken connection it may begin again at 0.
    /// Abort VersionGone: the file has a newer version.
    /// </summary>
    ValueTask<Outcome<long>> DownloadAsync(DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context);

    /// <summary>Uploads exactly <paramref name="lengthBytes"/> bytes that <paramref name="read"/> gives, in order; after a broken connection from offset 0 again.</summary>
    ValueTask<Outcome<UploadReply>> UploadAsync(UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context);
}

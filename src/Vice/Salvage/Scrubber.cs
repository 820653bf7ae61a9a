using Afs.Platform;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>Reads every content and compares its checksum with the one that its writer gave. May run beside a server.</summary>
/// <param name="openView">A snapshot of this moment.</param>
public sealed class Scrubber(Func<IMetadataView> openView, IContentStore store)
{
    private const int PageRows = 64;
    private const int BufferBytes = 1024 * 1024;

    private readonly byte[] _buffer = new byte[BufferBytes];

    /// <param name="progress">Told after each content: how many so far, and their bytes.</param>
    public async Task<ScrubReport> RunAsync(Action<long, long> progress, CancellationToken cancellation)
    {
        List<Problem> problems = [];
        (long contents, long bytes) = (0, 0);
        foreach (VolumeRecord volume in ReadVolumes())
        {
            var after = new VnodeNumber(0);
            IReadOnlyList<VnodeNumber> page;
            while ((page = NextPage(volume.Id, after)).Count > 0)
            {
                foreach (VnodeNumber vnode in page)
                {
                    cancellation.ThrowIfCancellationRequested();
                    bytes += await CheckAsync(volume.Id, vnode, problems, cancellation);
                    progress(++contents, bytes);
                }
                after = page[^1];
            }
        }
        return new ScrubReport(contents, bytes, problems);
    }

    private IReadOnlyList<VolumeRecord> ReadVolumes()
    {
        using IMetadataView view = openView();
        return view.ReadVolumes();
    }

    private IReadOnlyList<VnodeNumber> NextPage(VolumeId volume, VnodeNumber after)
    {
        using IMetadataView view = openView();
        return [.. view.ReadContents(volume, after, PageRows).Select(row => row.Vnode)];
    }

    /// <summary>The bytes read. A content that a running server replaced since the page was read is its new one.</summary>
    private async ValueTask<long> CheckAsync(VolumeId volume, VnodeNumber vnode, List<Problem> problems, CancellationToken cancellation)
    {
        FetchStatus? status;
        ContentRecord? content;
        using (IMetadataView view = openView())
            (status, content) = (view.FindVnode(volume, vnode), view.FindContent(volume, vnode));
        if (status is null || content is null)
            return 0;
        try
        {
            uint crc = content.Inline is not null ? Crc32C.Of(content.Inline) : await ReadObjectAsync(content, cancellation);
            if (crc != status.ContentCrc32C)
                problems.Add(new Problem(ProblemKind.ContentChecksum, $"{status.Fid}", null));
        }
        catch (DiskException e)
        {
            if (IsCurrent(volume, vnode, content))
                problems.Add(new Problem(e.Failure == DiskFailure.NotFound ? ProblemKind.ContentMissing : ProblemKind.ContentChecksum, $"{status.Fid}: {e.Message}", null));
        }
        return status.LengthBytes;
    }

    private bool IsCurrent(VolumeId volume, VnodeNumber vnode, ContentRecord content)
    {
        using IMetadataView view = openView();
        return view.FindContent(volume, vnode)?.Version == content.Version;
    }

    private async ValueTask<uint> ReadObjectAsync(ContentRecord record, CancellationToken cancellation)
    {
        await using IContent content = await store.OpenAsync(record, cancellation);
        var crc = new Crc32C();
        for (long offset = 0; offset < content.LengthBytes;)
        {
            int count = (int)Math.Min(_buffer.Length, content.LengthBytes - offset);
            await content.ReadAsync(offset, _buffer.AsMemory(0, count), cancellation);
            crc.Add(_buffer.AsSpan(0, count));
            offset += count;
        }
        return crc.Value;
    }
}

/// <summary>What a scrub read and found.</summary>
public sealed record ScrubReport(long Contents, long Bytes, IReadOnlyList<Problem> Problems);

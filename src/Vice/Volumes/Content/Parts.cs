using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>One upload of parts as it comes. Whatever ends it before it is complete leaves nothing behind. Owns the base.</summary>
internal sealed class PartsSink(
    Uploads uploads, ClientId client, UploadRequest request, ContentParts parts, PartsBase? @base, ObjectId id, IContentWriter writer) : IBulkSink
{
    private readonly PartsChecksum _checksum = new(@base?.Crc32C ?? 0, @base?.Content.LengthBytes ?? 0, parts.LengthBytes);
    private readonly ExtentCursor _cursor = new(parts.Extents);
    private readonly PartsTarget _target = PartsTarget.Make(parts, @base);
    private readonly List<(long Offset, ReadOnlyMemory<byte> Data)> _pieces = [];
    private byte[] _before = [];
    private AbortCode _failure = AbortCode.None;
    private bool _isOver;

    /// <summary>After a failure the rest is read over, so that the client hears the reason at the end; what came until then is thrown away at once.</summary>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (_failure != AbortCode.None)
            return;
        try
        {
            if (offset != _cursor.Passed || !TakePieces(data))
                _failure = AbortCodes.BadArgument;
            else
                await WritePiecesAsync(data.Length);
        }
        catch (DiskException e)
        {
            _failure = uploads.Refuse(e);
        }
        if (_failure != AbortCode.None)
            await DropAsync();
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
    {
        if (_failure == AbortCode.None && !_cursor.IsAtEnd)
            _failure = AbortCodes.BadArgument;
        if (_failure != AbortCode.None)
            return _failure;
        try
        {
            await _target.FinishAsync(writer, AppendAsync);
            await writer.CompleteAsync(CancellationToken.None);
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        _isOver = true;
        await uploads.StageAsync(client, request, id, parts.LengthBytes, _checksum.Value, _target.Base, request.Parts);
        var reply = new UploadReply { Upload = request.Upload, LengthBytes = parts.LengthBytes, Crc32C = _checksum.Value };
        return new ReadOnlyMemory<byte>(WireCodec.ToBytes(reply));
    }

    public async ValueTask DisposeAsync()
    {
        await DropAsync();
        if (@base is not null)
            await @base.DisposeAsync();
    }

    /// <summary>Where each piece of what came belongs. False: it is too much.</summary>
    private bool TakePieces(ReadOnlyMemory<byte> data)
    {
        _pieces.Clear();
        while (!data.IsEmpty)
        {
            if (_cursor.IsAtEnd)
                return false;
            int count = (int)Math.Min(data.Length, _cursor.Left);
            _pieces.Add((_cursor.Offset, data[..count]));
            _cursor.Advance(count);
            data = data[count..];
        }
        return true;
    }

    private async ValueTask WritePiecesAsync(int bytes)
    {
        await ReadBeforeAsync(bytes);
        int at = 0;
        foreach ((long offset, ReadOnlyMemory<byte> data) in _pieces)
        {
            _checksum.Replace(offset, data.Length, Before(offset, at, data.Length), Crc32C.Of(data.Span));
            at += data.Length;
        }
        await _target.WriteAsync(writer, _pieces, AppendAsync);
    }

    /// <summary>What the pieces replace, one after the other.</summary>
    private async ValueTask ReadBeforeAsync(int bytes)
    {
        if (@base is null)
            return;
        if (_before.Length < bytes)
            _before = new byte[bytes];
        var ranges = new List<ContentRange>(_pieces.Count);
        int at = 0;
        foreach ((long offset, ReadOnlyMemory<byte> data) in _pieces)
        {
            if (CountInBase(offset, data.Length) is > 0 and int there)
                ranges.Add(new ContentRange(offset, _before.AsMemory(at, there)));
            at += data.Length;
        }
        if (ranges.Count > 0)
            await @base.Content.ReadAsync(ranges.ToArray(), CancellationToken.None);
    }

    /// <summary>The checksum of what a piece replaces.</summary>
    private uint Before(long offset, int at, int count)
    {
        var crc = new Crc32C();
        int there = CountInBase(offset, count);
        if (there > 0)
            crc.Add(_before.AsSpan(at, there));
        crc.AddZeros(count - there);
        return crc.Value;
    }

    private int CountInBase(long offset, int count) => @base is null ? 0 : (int)Math.Clamp(@base.Content.LengthBytes - offset, 0, count);

    private ValueTask AppendAsync(ReadOnlyMemory<ContentPiece> pieces) => uploads.AppendAsync(client, writer, pieces);

    /// <summary>Nothing is left of it, unless it was kept.</summary>
    private async ValueTask DropAsync()
    {
        if (_isOver)
            return;
        _isOver = true;
        await uploads.AbandonAsync(client, writer, parts.LengthBytes);
    }
}

/// <summary>The current content that parts build on, open for reading: it may be replaced meanwhile. Owns it.</summary>
internal sealed class PartsBase(uint crc32C, ObjectId whole, IContent content) : IAsyncDisposable
{
    public uint Crc32C => crc32C;

    /// <summary>The whole content beneath it.</summary>
    public ObjectId Whole => whole;

    public IContent Content => content;

    /// <summary>Null: that version isn't current, or is in the metadata, or none of this session.</summary>
    public static (FetchStatus Status, ContentRecord Content)? Find(IMetadataView view, SessionId session, Fid fid, ContentParts parts)
    {
        FetchStatus? status = view.Find(fid, session);
        if (status is null || status.Type != FileType.Regular || status.DataVersion != parts.Base || status.LengthBytes > parts.LengthBytes)
            return null;
        return view.FindContent(fid.Volume, fid.Vnode) is { Inline: null } content ? (status, content) : null;
    }

    /// <summary>Null: it was replaced meanwhile, or lost a part.</summary>
    /// <exception cref="DiskException">The store failed.</exception>
    public static async ValueTask<PartsBase?> TryOpenAsync(IContentStore store, FetchStatus status, ContentRecord record)
    {
        try
        {
            IContent content = await store.OpenAsync(record, CancellationToken.None);
            if (content.LengthBytes == status.LengthBytes)
                return new PartsBase(status.ContentCrc32C, record.Base == ObjectId.None ? record.Object : record.Base, content);
            await content.DisposeAsync(); // It lost its end: the whole content mends it.
            return null;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => content.DisposeAsync();
}

/// <summary>Adds to the content that is made.</summary>
internal delegate ValueTask PieceAppender(ReadOnlyMemory<ContentPiece> pieces);

/// <summary>What parts become, from its beginning to its end. Failures throw <see cref="DiskException"/>.</summary>
internal abstract class PartsTarget
{
    /// <summary>The whole content that the new one needs; <see cref="ObjectId.None"/> where it is whole itself.</summary>
    public abstract ObjectId Base { get; }

    /// <summary>A patch, where it would be neither too large nor more than half of the content.</summary>
    public static PartsTarget Make(ContentParts parts, PartsBase? @base) =>
        @base is null ? new WholeTarget(parts, null) : PatchTarget.TryMake(parts, @base.Whole, @base.Content) ?? (PartsTarget)new WholeTarget(parts, @base.Content);

    /// <summary>Pieces of extents in order, each at its offset in the content.</summary>
    public abstract ValueTask WriteAsync(IContentWriter writer, IReadOnlyList<(long Offset, ReadOnlyMemory<byte> Data)> pieces, PieceAppender append);

    /// <summary>All parts came: adds what they leave out. May take as long as copying the whole content.</summary>
    public abstract ValueTask FinishAsync(IContentWriter writer, PieceAppender append);
}

/// <summary>
/// Makes of parts that came inside a StoreData what its transaction needs, before it: all that reads or writes contents is done then. A repeated call
/// does so again for nothing, and what it left is an upload that nobody comes for.
/// </summary>
internal sealed class InlineParts(IMetadataStore metadata, IContentStore store, Uploads uploads, CallersTurns turns)
{
    /// <summary>A patch for the metadata; null: it became the upload that the request names. Aborts: those of an upload.</summary>
    /// <param name="request">With parts.</param>
    public async ValueTask<Outcome<RowPatch?>> PrepareAsync(CallId caller, StoreDataRequest request)
    {
        ContentParts parts = request.Parts!;
        var upload = new UploadRequest { Upload = request.Upload, Volume = request.Fid.Volume, Fid = request.Fid, Parts = parts };
        try
        {
            if (parts.Base == DataVersion.None)
                return await UploadAsync(caller, upload, request.Content);
            if (await OpenBaseAsync(caller.Session, request.Fid, parts) is not { } @base)
                return AbortCodes.VersionGone;
            await using (@base)
            {
                if (await PagePatch.TryMakeAsync(parts, request.Content, @base) is not { } patch)
                    return await UploadAsync(caller, upload, request.Content);
                if (patch.LengthBytes <= PatchLimits.MostRowBytes)
                    return new RowPatch(parts, patch.Base, await patch.ToBytesAsync(), patch.Crc32C);
                AbortCode refusal = await uploads.KeepAsync(caller.Client, upload, parts, patch);
                return refusal == AbortCode.None ? (RowPatch?)null : refusal;
            }
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        catch (StorageException)
        {
            return AbortCodes.ServerDiskFailed;
        }
    }

    /// <summary>Null: it isn't current.</summary>
    private async ValueTask<PartsBase?> OpenBaseAsync(SessionId session, Fid fid, ContentParts parts)
    {
        (FetchStatus Status, ContentRecord Content)? found = await turns.RunAsync(() =>
        {
            using IMetadataView view = metadata.OpenView();
            return PartsBase.Find(view, session, fid, parts);
        });
        return found is { } current ? await PartsBase.TryOpenAsync(store, current.Status, current.Content) : null;
    }

    /// <summary>As if it came over a bulk connection.</summary>
    private async ValueTask<Outcome<RowPatch?>> UploadAsync(CallId caller, UploadRequest upload, ReadOnlyMemory<byte> content)
    {
        Outcome<IBulkSink> opened = await uploads.OpenAsync(caller, upload, content.Length);
        if (!opened.IsReply)
            return opened.As<RowPatch?>();
        await using IBulkSink sink = opened.Value;
        await sink.WriteAsync(0, content, CancellationToken.None);
        Outcome<ReadOnlyMemory<byte>> completed = await sink.CompleteAsync(CancellationToken.None);
        return completed.IsReply ? (RowPatch?)null : completed.As<RowPatch?>();
    }
}

/// <summary>A whole content, sparse where the base has holes and no part is.</summary>
internal sealed class WholeTarget(ContentParts parts, IContent? current) : PartsTarget
{
    /// <summary>Copied before there is another look for room.</summary>
    private const long CopyPieceBytes = 16L << 20;

    /// <summary>Looked for at once, so that what is copied of an earlier patch is a few MiB at most.</summary>
    private const int RunsAtOnce = 512;

    public override ObjectId Base => ObjectId.None;

    public override async ValueTask WriteAsync(IContentWriter writer, IReadOnlyList<(long Offset, ReadOnlyMemory<byte> Data)> pieces, PieceAppender append)
    {
        var run = new List<ContentPiece>(pieces.Count);
        long end = writer.LengthBytes;
        foreach ((long offset, ReadOnlyMemory<byte> data) in pieces)
        {
            if (offset != end)
            {
                await FlushAsync(run, append);
                await CopyAsync(writer, offset, append);
            }
            run.Add(ContentPiece.Of(data));
            end = offset + data.Length;
        }
        await FlushAsync(run, append);
    }

    public override ValueTask FinishAsync(IContentWriter writer, PieceAppender append) => CopyAsync(writer, parts.LengthBytes, append);

    private static async ValueTask FlushAsync(List<ContentPiece> run, PieceAppender append)
    {
        if (run.Count > 0)
            await append(run.ToArray());
        run.Clear();
    }

    /// <summary>Up to an offset as the base has it, and zeros behind its end.</summary>
    private async ValueTask CopyAsync(IContentWriter writer, long to, PieceAppender append)
    {
        long endOfBase = Math.Min(to, current?.LengthBytes ?? 0);
        while (writer.LengthBytes < endOfBase && await NextRunsAsync(writer.LengthBytes, endOfBase) is { Count: > 0 } runs)
        {
            List<ContentPiece> pieces = current is PatchedContent patched
                ? await patched.ToPiecesAsync(writer.LengthBytes, runs)
                : ToPieces(current!, writer.LengthBytes, runs);
            await append(pieces.ToArray());
        }
        if (writer.LengthBytes < to)
            await append(new[] { ContentPiece.Zeros(to - writer.LengthBytes) });
    }

    /// <summary>Data of the base, no more than is copied at once. Empty: there is none.</summary>
    private async ValueTask<List<DataRun>> NextRunsAsync(long from, long to)
    {
        List<DataRun> runs = [];
        long left = CopyPieceBytes;
        foreach (DataRun run in await current!.FindDataAsync(from, RunsAtOnce, CancellationToken.None))
        {
            if (left == 0 || run.StartBytes >= to)
                break;
            var part = new DataRun(run.StartBytes, Math.Min(Math.Min(run.EndBytes, to), run.StartBytes + left));
            left -= part.EndBytes - part.StartBytes;
            runs.Add(part);
        }
        return runs;
    }

    private static List<ContentPiece> ToPieces(IContent content, long from, List<DataRun> runs)
    {
        List<ContentPiece> pieces = [];
        foreach (DataRun run in runs)
        {
            if (run.StartBytes > from)
                pieces.Add(ContentPiece.Zeros(run.StartBytes - from));
            pieces.Add(ContentPiece.Shared(content, run.EndBytes - run.StartBytes));
            from = run.EndBytes;
        }
        return pieces;
    }
}

/// <summary>A patch. The pages of an earlier patch over the same base that the parts leave as they are are copied into it, so that no content is ever a patch over a patch.</summary>
internal sealed class PatchTarget : PartsTarget
{
    private readonly PatchIndex _index;
    private readonly IContent _current;
    private readonly uint[] _earlier;
    private int _nextEarlier;

    private PatchTarget(PatchIndex index, IContent current, uint[] earlier) => (_index, _current, _earlier) = (index, current, earlier);

    public override ObjectId Base => _index.Base;

    /// <summary>Null: it would be too large, or more than half of the content.</summary>
    public static PatchTarget? TryMake(ContentParts parts, ObjectId baseId, IContent current)
    {
        if (!PatchLimits.Allow(PatchPages.CountIn(parts), parts.LengthBytes))
            return null;
        uint[] earlier = PatchPages.Outside(parts, current), all = PatchPages.Merge(PatchPages.In(parts), earlier);
        if (!PatchLimits.Allow(all.Length, parts.LengthBytes))
            return null;
        long baseLengthBytes = current is PatchedContent patched ? patched.Index.BaseLengthBytes : current.LengthBytes;
        return new PatchTarget(new PatchIndex(baseId, baseLengthBytes, parts.LengthBytes, all), current, earlier);
    }

    /// <summary>The pages of an extent lie together.</summary>
    public override async ValueTask WriteAsync(IContentWriter writer, IReadOnlyList<(long Offset, ReadOnlyMemory<byte> Data)> pieces, PieceAppender append)
    {
        List<ContentPiece> run = Begin(writer);
        long end = writer.LengthBytes + run.Sum(static piece => piece.LengthBytes);
        foreach ((long offset, ReadOnlyMemory<byte> data) in pieces)
        {
            (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
            end += await AddEarlierAsync(run, page);
            if (!_index.TryFind(page, out long at) || at + within != end)
                throw new InvalidOperationException($"Page {page} isn't next in the patch.");
            run.Add(ContentPiece.Of(data));
            end += data.Length;
        }
        await append(run.ToArray());
    }

    public override async ValueTask FinishAsync(IContentWriter writer, PieceAppender append)
    {
        List<ContentPiece> run = Begin(writer);
        await AddEarlierAsync(run, long.MaxValue);
        long end = writer.LengthBytes + run.Sum(static piece => piece.LengthBytes);
        if (end < _index.FileBytes)
            run.Add(ContentPiece.Zeros(_index.FileBytes - end)); // Behind a content that ends within its last page.
        if (run.Count > 0)
            await append(run.ToArray());
    }

    private List<ContentPiece> Begin(IContentWriter writer) => writer.LengthBytes == 0 ? [ContentPiece.Of(_index.Encode())] : [];

    /// <summary>Those before a page that aren't written yet. How many bytes.</summary>
    private async ValueTask<long> AddEarlierAsync(List<ContentPiece> run, long page)
    {
        int first = _nextEarlier;
        while (_nextEarlier < _earlier.Length && _earlier[_nextEarlier] < page)
            _nextEarlier++;
        if (_nextEarlier == first)
            return 0;
        byte[] bytes = new byte[(_nextEarlier - first) * PatchIndex.PageBytes];
        await PatchPages.ReadAsync(_current, _earlier.AsMemory(first, _nextEarlier - first), bytes);
        run.Add(ContentPiece.Of(bytes));
        return bytes.Length;
    }
}

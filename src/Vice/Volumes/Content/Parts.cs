using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>One upload of parts as it comes. Whatever ends it before it is complete leaves nothing behind.</summary>
internal sealed class PartsSink(
    Uploads uploads, ClientId client, UploadRequest request, ContentParts parts, PartsBase? @base, IPartsTarget target, ObjectId id, IDiskFile file) : IBulkSink
{
    private readonly PartsChecksum _checksum = new(@base?.Crc32C ?? 0, @base?.File.LengthBytes ?? 0, parts.LengthBytes);
    private readonly ExtentCursor _cursor = new(parts.Extents);
    private byte[] _before = [];
    private AbortCode _failure = AbortCode.None;
    private bool _isOver;

    /// <summary>After a failure the rest is read over, so that the client hears the reason at the end; what came until then is thrown away at once.</summary>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (_failure != AbortCode.None)
            return;
        if (offset != _cursor.Passed)
            _failure = AbortCodes.BadArgument;
        await uploads.Work.RunAsync(() => Write(data.Span));
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
    {
        if (_failure == AbortCode.None && !_cursor.IsAtEnd)
            _failure = AbortCodes.BadArgument;
        if (_failure != AbortCode.None)
            return _failure;
        try
        {
            await uploads.Syncs.RunAsync(Keep);
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        _isOver = true;
        uploads.Stage(client, request, id, parts.LengthBytes, _checksum.Value, target.Base, request.Parts);
        var reply = new UploadReply { Upload = request.Upload, LengthBytes = parts.LengthBytes, Crc32C = _checksum.Value };
        return new ReadOnlyMemory<byte>(WireCodec.ToBytes(reply));
    }

    public async ValueTask DisposeAsync() => await uploads.Work.RunAsync(() =>
    {
        Drop();
        file.Dispose();
        @base?.Dispose();
        return true;
    });

    private bool Write(ReadOnlySpan<byte> data)
    {
        try
        {
            if (_failure == AbortCode.None)
                uploads.RequireRoom(client);
            while (!data.IsEmpty && _failure == AbortCode.None)
                data = data[WritePiece(data)..];
        }
        catch (DiskException e)
        {
            _failure = uploads.Refuse(e);
        }
        if (_failure != AbortCode.None)
            Drop();
        return true;
    }

    /// <summary>Nothing is left of it, unless it was kept.</summary>
    private void Drop()
    {
        if (_isOver)
            return;
        _isOver = true;
        file.Dispose();
        uploads.Abandon(client, id, parts.LengthBytes);
    }

    private int WritePiece(ReadOnlySpan<byte> data)
    {
        if (_cursor.IsAtEnd)
        {
            _failure = AbortCodes.BadArgument;
            return data.Length;
        }
        long offset = _cursor.Offset;
        ReadOnlySpan<byte> piece = data[..(int)Math.Min(data.Length, _cursor.Left)];
        _checksum.Replace(offset, piece.Length, Before(offset, piece.Length), Crc32C.Of(piece));
        target.Write(offset, piece);
        _cursor.Advance(piece.Length);
        return piece.Length;
    }

    /// <summary>The checksum of what the parts replace.</summary>
    private uint Before(long offset, int count)
    {
        var crc = new Crc32C();
        int there = 0;
        if (@base is not null && offset < @base.File.LengthBytes)
        {
            if (_before.Length < count)
                _before = new byte[count];
            there = @base.File.Read(offset, _before.AsSpan(0, count));
            crc.Add(_before.AsSpan(0, there));
        }
        crc.AddZeros(count - there);
        return crc.Value;
    }

    private bool Keep()
    {
        target.Finish();
        uploads.Store.Keep(id, file);
        return true;
    }
}

/// <summary>The current content that parts build on, open for reading: it may be replaced meanwhile. Owns its file.</summary>
internal sealed class PartsBase(uint crc32C, ObjectId whole, IDiskFile file) : IDisposable
{
    public uint Crc32C => crc32C;

    /// <summary>The whole content file beneath it.</summary>
    public ObjectId Whole => whole;

    public IDiskFile File => file;

    /// <summary>Null: that version isn't current, or is no content file, or none of this session.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static PartsBase? TryOpen(IMetadataView view, ContentStore store, SessionId session, Fid fid, ContentParts parts)
    {
        FetchStatus? status = view.Find(fid, session);
        if (status is null || status.Type != FileType.Regular || status.DataVersion != parts.Base || status.LengthBytes > parts.LengthBytes)
            return null;
        if (view.FindContent(fid.Volume, fid.Vnode) is not { Inline: null } content)
            return null;
        try
        {
            ObjectId whole = content.Base == ObjectId.None ? content.Object : content.Base;
            IDiskFile file = store.Open(content);
            if (file.LengthBytes == status.LengthBytes)
                return new PartsBase(status.ContentCrc32C, whole, file);
            file.Dispose(); // It lost its end: the whole content mends it.
            return null;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return null;
        }
    }

    public void Dispose() => file.Dispose();
}

/// <summary>The new content file that parts go into. Failures throw <see cref="Afs.Platform.DiskException"/>.</summary>
internal interface IPartsTarget
{
    /// <summary>The whole content file that the new one needs; <see cref="ObjectId.None"/> where it is whole itself.</summary>
    ObjectId Base { get; }

    /// <summary>Bytes of one extent, at their offset in the content.</summary>
    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>All parts came: adds what they leave out. May take as long as copying the whole content.</summary>
    void Finish();
}

/// <summary>
/// Makes of parts that came inside a StoreData what its transaction needs, before it: all that reads or writes contents is done then. A repeated call
/// does so again for nothing, and what it left is an upload that nobody comes for.
/// </summary>
internal sealed class InlineParts(IMetadataStore metadata, ContentStore store, Uploads uploads, IBlockingWork work)
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
            using MadePatch? made = await work.RunAsync(() => MakePatch(caller.Session, request));
            if (made is null)
                return AbortCodes.VersionGone;
            if (made.Row is not null)
                return made.Row;
            if (made.Patch is null)
                return await UploadAsync(caller, upload, request.Content);
            AbortCode refusal = await uploads.Syncs.RunAsync(() => uploads.Keep(caller.Client, upload, parts, made.Patch));
            return refusal == AbortCode.None ? (RowPatch?)null : refusal;
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

    /// <summary>Null: the base isn't current.</summary>
    private MadePatch? MakePatch(SessionId session, StoreDataRequest request)
    {
        ContentParts parts = request.Parts!;
        if (OpenBase(session, request.Fid, parts) is not { } @base)
            return null;
        bool isKept = false;
        try
        {
            if (PagePatch.TryMake(parts, request.Content, @base) is not { } patch)
                return new MadePatch(null, null, null);
            if (patch.LengthBytes <= PatchLimits.MostRowBytes)
                return new MadePatch(null, null, new RowPatch(parts, patch.Base, patch.ToBytes(), patch.Crc32C));
            isKept = true;
            return new MadePatch(@base, patch, null);
        }
        finally
        {
            if (!isKept)
                @base.Dispose();
        }
    }

    private PartsBase? OpenBase(SessionId session, Fid fid, ContentParts parts)
    {
        using IMetadataView view = metadata.OpenView();
        return PartsBase.TryOpen(view, store, session, fid, parts);
    }

    /// <summary>As if it came over a bulk connection.</summary>
    private async ValueTask<Outcome<RowPatch?>> UploadAsync(CallId caller, UploadRequest upload, ReadOnlyMemory<byte> content)
    {
        Outcome<IBulkSink> opened = await uploads.Work.RunAsync(() => Open(caller, upload, content.Length));
        if (!opened.IsReply)
            return opened.As<RowPatch?>();
        await using IBulkSink sink = opened.Value;
        await sink.WriteAsync(0, content, CancellationToken.None);
        Outcome<ReadOnlyMemory<byte>> completed = await sink.CompleteAsync(CancellationToken.None);
        return completed.IsReply ? (RowPatch?)null : completed.As<RowPatch?>();
    }

    private Outcome<IBulkSink> Open(CallId caller, UploadRequest upload, long transferBytes)
    {
        using IMetadataView view = metadata.OpenView();
        return uploads.Open(view, caller, upload, transferBytes);
    }

    /// <summary>Neither patch nor row: the parts are no small change of their base. A patch is too large for a row, and reads its base until it is kept.</summary>
    private sealed record MadePatch(PartsBase? Base, PagePatch? Patch, RowPatch? Row) : IDisposable
    {
        public void Dispose() => Base?.Dispose();
    }
}

/// <summary>A whole content file, sparse where the base has holes and no part is.</summary>
internal sealed class WholeTarget : IPartsTarget
{
    private readonly IDiskFile _file;
    private readonly ContentParts _parts;
    /// <summary>Copied before there is another look for room.</summary>
    private const long CopyPieceBytes = 16L << 20;

    private readonly IDiskFile? _current;
    private readonly Action _requireRoom;

    /// <param name="current">Null: zeros.</param>
    public WholeTarget(IDiskFile file, ContentParts parts, IDiskFile? current, Action requireRoom)
    {
        (_file, _parts, _current, _requireRoom) = (file, parts, current, requireRoom);
        file.SetLength(parts.LengthBytes);
    }

    public ObjectId Base => ObjectId.None;

    public void Write(long offset, ReadOnlySpan<byte> data) => _file.Write(offset, data);

    public void Finish()
    {
        if (_current is null)
            return;
        long from = 0;
        foreach (Extent extent in _parts.Extents)
        {
            Copy(_current, from, extent.OffsetBytes);
            from = extent.EndBytes;
        }
        Copy(_current, from, _current.LengthBytes);
    }

    private void Copy(IDiskFile @base, long from, long to)
    {
        to = Math.Min(to, @base.LengthBytes);
        while (from < to)
        {
            DataRun data = @base.NextData(from);
            long end = Math.Min(data.EndBytes, to);
            if (data.IsEmpty || data.StartBytes >= to)
                return;
            end = Math.Min(end, data.StartBytes + CopyPieceBytes);
            _requireRoom();
            CopyData(@base, data.StartBytes, end);
            from = end;
        }
    }

    /// <summary>The disk may share the blocks of the base's one file; a patched one has two.</summary>
    private void CopyData(IDiskFile @base, long from, long to)
    {
        if (@base is not PatchedFile patched)
        {
            _file.CopyFrom(@base, from, to - from);
            return;
        }
        bool isPatch = patched.Index.TryFind(from / PatchIndex.PageBytes, out _);
        _file.CopyFrom(isPatch ? patched : patched.Base, from, to - from);
    }
}

/// <summary>A patch. The pages of an earlier patch over the same base that the parts leave as they are are copied into it, so that no content is ever a patch over a patch.</summary>
internal sealed class PatchTarget : IPartsTarget
{
    private readonly IDiskFile _file;
    private readonly PatchIndex _index;
    private readonly IDiskFile _current;
    private readonly uint[] _earlier;

    private PatchTarget(IDiskFile file, PatchIndex index, IDiskFile current, uint[] earlier) =>
        (_file, _index, _current, _earlier) = (file, index, current, earlier);

    public ObjectId Base => _index.Base;

    /// <summary>Null: it would be too large, or more than half of the content.</summary>
    /// <exception cref="DiskException">The head couldn't be written.</exception>
    public static PatchTarget? TryMake(IDiskFile file, ContentParts parts, ObjectId baseId, IDiskFile current)
    {
        if (!PatchLimits.Allow(PatchPages.CountIn(parts), parts.LengthBytes))
            return null;
        uint[] earlier = PatchPages.Outside(parts, current), all = PatchPages.Merge(PatchPages.In(parts), earlier);
        if (!PatchLimits.Allow(all.Length, parts.LengthBytes))
            return null;
        long baseLengthBytes = current is PatchedFile p ? p.Index.BaseLengthBytes : current.LengthBytes;
        var index = new PatchIndex(baseId, baseLengthBytes, parts.LengthBytes, all);
        file.SetLength(index.FileBytes);
        file.Write(0, index.Encode());
        return new PatchTarget(file, index, current, earlier);
    }

    /// <summary>The pages of an extent lie together.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
        if (!_index.TryFind(page, out long at))
            throw new InvalidOperationException($"Page {page} isn't in the patch.");
        _file.Write(at + within, data);
    }

    public void Finish()
    {
        byte[] buffer = new byte[PatchIndex.PageBytes];
        foreach (uint page in _earlier)
        {
            long offset = (long)page * PatchIndex.PageBytes;
            Write(offset, buffer.AsSpan(0, _current.Read(offset, buffer)));
        }
    }
}

using Afs.Platform;
using Afs.Rpc;
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
    private bool _isKept;

    /// <summary>After a failure the rest is read over, so that the client hears the reason at the end.</summary>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (_failure != AbortCode.None)
            return ValueTask.CompletedTask;
        if (offset != _cursor.Passed)
            _failure = AbortCodes.BadArgument;
        try
        {
            for (ReadOnlySpan<byte> rest = data.Span; !rest.IsEmpty && _failure == AbortCode.None;)
                rest = rest[WritePiece(rest)..];
        }
        catch (DiskException e)
        {
            _failure = uploads.Refuse(e);
        }
        return ValueTask.CompletedTask;
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
    {
        if (_failure == AbortCode.None && !_cursor.IsAtEnd)
            _failure = AbortCodes.BadArgument;
        if (_failure != AbortCode.None)
            return _failure;
        try
        {
            await uploads.Work.RunAsync(Keep);
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        _isKept = true;
        uploads.Stage(client, request, id, parts.LengthBytes, _checksum.Value, target.Base, request.Parts);
        var reply = new UploadReply { Upload = request.Upload, LengthBytes = parts.LengthBytes, Crc32C = _checksum.Value };
        return new ReadOnlyMemory<byte>(WireCodec.ToBytes(reply));
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        @base?.Dispose();
        if (!_isKept)
            uploads.Abandon(client, id, parts.LengthBytes);
        return ValueTask.CompletedTask;
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

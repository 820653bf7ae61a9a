using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>One upload as it comes. Whatever ends it before it is complete leaves nothing behind.</summary>
internal sealed class UploadSink : IBulkSink
{
    private readonly Uploads _uploads;
    private readonly ClientId _client;
    private readonly UploadRequest _request;
    private readonly long _lengthBytes;
    private readonly ObjectId _object;
    private readonly IDiskFile _file;
    private readonly SparseWriter _writer;
    private readonly EarlyWriteback _writeback;
    private AbortCode _failure = AbortCode.None;
    private bool _isKept;

    public UploadSink(Uploads uploads, ClientId client, UploadRequest request, long lengthBytes, ObjectId id, IDiskFile file)
    {
        (_uploads, _client, _request, _lengthBytes, _object, _file) = (uploads, client, request, lengthBytes, id, file);
        _writer = new SparseWriter(file);
        _writeback = new EarlyWriteback(file, uploads.Work);
    }

    /// <summary>After a failure the rest is read over, so that the client hears the reason at the end.</summary>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (_failure != AbortCode.None)
            return;
        if (offset != _writer.LengthBytes || offset + data.Length > _lengthBytes)
        {
            _failure = AbortCodes.BadArgument;
            return;
        }
        try
        {
            _writer.Append(data.Span);
            await _writeback.AdvanceAsync(_writer.LengthBytes);
        }
        catch (DiskException e)
        {
            _failure = _uploads.Refuse(e);
        }
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
    {
        if (_failure == AbortCode.None && _writer.LengthBytes != _lengthBytes)
            _failure = AbortCodes.BadArgument;
        if (_failure != AbortCode.None)
            return _failure;
        try
        {
            await _writeback.EndAsync();
            await _uploads.Work.RunAsync(Keep);
        }
        catch (DiskException e)
        {
            return _uploads.Refuse(e);
        }
        _isKept = true;
        _uploads.Stage(_client, _request, _object, _lengthBytes, _writer.Crc32C);
        var reply = new UploadReply { Upload = _request.Upload, LengthBytes = _lengthBytes, Crc32C = _writer.Crc32C };
        return new ReadOnlyMemory<byte>(WireCodec.ToBytes(reply));
    }

    public async ValueTask DisposeAsync()
    {
        await _writeback.SettleAsync();
        _file.Dispose();
        if (!_isKept)
            _uploads.Abandon(_client, _object, _lengthBytes);
    }

    private bool Keep()
    {
        _writer.Finish();
        _uploads.Store.Keep(_object, _file);
        return true;
    }
}

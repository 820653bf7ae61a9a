using System.Buffers.Binary;
using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Whether LiteDB may change the files of a database, and how that went. LiteDB is never told: a transaction whose write throws at it leaves it with an object whose finalizer throws, which ends
/// the process (5.0.21, <c>TransactionService</c>). So what it writes after the first failure, or when it only reads, goes nowhere, and its owner looks here after each call.
/// </summary>
internal sealed class LiteDbWrites(bool areWanted)
{
    /// <summary>The first.</summary>
    public DiskException? Failure { get; private set; }

    public bool AreMade { get; private set; } = areWanted;

    /// <summary>From here on nothing is written.</summary>
    public void End(DiskException? failure = null)
    {
        AreMade = false;
        Failure ??= failure;
    }
}

/// <summary>
/// Pages of LiteDB in a file, each followed by 16 bytes that tell whether it is what was written. LiteDB has no checksums, and doesn't wait for the disk at a commit.
/// It asks for whole pages only. Used by one thread at a time.
/// </summary>
internal abstract class LiteDbStream(IDiskFile file, LiteDbWrites writes) : Stream
{
    /// <summary>LiteDB's, in all its files.</summary>
    public const int PageBytes = 8192;

    protected const int TrailerBytes = 16, RecordBytes = PageBytes + TrailerBytes;

    private readonly byte[] _record = new byte[RecordBytes];

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => true;

    public override long Position { get; set; }

    protected IDiskFile DiskFile => file;

    /// <summary>One page and its trailer, for the one who uses the stream.</summary>
    protected Span<byte> Record => _record;

    public override int Read(byte[] buffer, int offset, int count)
    {
        long page = PageAt(Position, count);
        if (Position >= Length)
            return 0;
        ReadPage(page, buffer.AsSpan(offset, count));
        Position += count;
        return count;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        long page = PageAt(Position, count);
        try
        {
            if (writes.AreMade)
                WritePage(page, buffer.AsSpan(offset, count));
        }
        catch (DiskException e)
        {
            writes.End(e);
        }
        Position += count;
    }

    public override void Flush()
    {
        try
        {
            if (writes.AreMade)
                SyncFile();
        }
        catch (DiskException e)
        {
            writes.End(e);
        }
    }

    public override void SetLength(long value)
    {
        if (value != 0)
            throw new NotSupportedException($"LiteDB cuts a file at {value}.");
        try
        {
            if (writes.AreMade)
                Empty();
        }
        catch (DiskException e)
        {
            writes.End(e);
        }
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    protected abstract void ReadPage(long page, Span<byte> destination);

    protected abstract void WritePage(long page, ReadOnlySpan<byte> data);

    protected abstract void SyncFile();

    protected abstract void Empty();

    private static long PageAt(long position, int count) => count == PageBytes && position % PageBytes == 0
        ? position / PageBytes
        : throw new NotSupportedException($"{count} bytes at {position}: LiteDB uses whole pages.");
}

/// <summary>
/// The log. It has two places for its header, in sectors of their own, at 0 and 4096, used in turn: a magic number (8), the log's generation (8), CRC32C of both (4), zeros (12). The higher generation counts. Records from 8192 on: a
/// page, the generation (8), a CRC32C of the page that goes on from the one of the record before, the first from that of the header (4), zeros (4). What comes behind the first record that doesn't follow was never
/// written, or is an earlier generation's.
///
/// INVARIANT: a generation ends only when the data file has all of it on stable storage, and the next one's header is on stable storage before the first record of it is
/// written. Else, after a loss of power, part of an old log would be taken for all of it.
/// </summary>
internal sealed class LiteDbLogStream : LiteDbStream
{
    private const ulong Magic = 0x474f4c444c534641;
    private const int HeaderBytes = 32, HeaderSumAt = 16, Headers = 2, HeaderPlaceBytes = 4096, RecordsAt = Headers * HeaderPlaceBytes;

    // LiteDB's BasePage: the page's number, at the start; whether the page ends a transaction.
    private const int IsConfirmedAt = 18;

    private ulong _generation;
    private uint _last;
    private long _count;

    /// <summary>There is something behind the last record that counts. Were the next record the same as one that stood there, what came behind that would count again.</summary>
    private bool _hasTail;

    private LiteDbLogStream(IDiskFile file, LiteDbWrites writes)
        : base(file, writes)
    {
    }

    public override long Length => _count * PageBytes;

    /// <summary>Something was written that may not be on stable storage.</summary>
    public bool IsDirty { get; private set; }

    /// <summary>Makes an empty log, of the first generation, on stable storage.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static void Create(IDiskFile file)
    {
        file.SetLength(0);
        WriteHeader(file, generation: 1);
        file.Sync();
    }

    /// <param name="file">Stays the caller's.</param>
    /// <param name="writes">Of the data file too.</param>
    /// <param name="isInDoubt">
    /// Writing to it, or a sync of it, may have failed before: the kernel holds as clean what never got to the disk (fsync(2)). So all of it is written once more, and synced.
    /// </param>
    /// <exception cref="DiskException">The disk failed, or it is no log.</exception>
    public static LiteDbLogStream Open(IDiskFile file, LiteDbWrites writes, bool isInDoubt)
    {
        var log = new LiteDbLogStream(file, writes);
        log.ReadHeader();
        if (isInDoubt)
            WriteHeader(file, log._generation);
        while (log.TryRead(log._count, log._last, out uint sum))
        {
            if (isInDoubt)
                file.Write(OffsetOf(log._count), log.Record);
            log._last = sum;
            log._count++;
        }
        log._hasTail = file.LengthBytes > OffsetOf(log._count);
        if (isInDoubt)
            file.Sync();
        log.IsDirty = log._count > 0 && !isInDoubt;
        return log;
    }

    /// <summary>All that was written is on stable storage when this returns.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Sync()
    {
        if (!IsDirty)
            return;
        DiskFile.Sync();
        IsDirty = false;
    }

    /// <summary>The last content of a page that a committed transaction ended with. False: there is none.</summary>
    public bool TryReadLast(uint pageNumber, Span<byte> destination)
    {
        for (long at = _count - 1; at >= 0; at--)
        {
            int read = DiskFile.Read(OffsetOf(at), destination);
            if (read == PageBytes && BinaryPrimitives.ReadUInt32LittleEndian(destination) == pageNumber && destination[IsConfirmedAt] != 0)
                return true;
        }
        return false;
    }

    protected override void SyncFile() => Sync();

    /// <summary>LiteDB begins the log anew: the data file has all of it.</summary>
    protected override void Empty()
    {
        WriteHeader(DiskFile, _generation + 1);
        DiskFile.Sync();
        DiskFile.SetLength(RecordsAt);
        _generation++;
        (_count, _last, _hasTail, IsDirty) = (0, HeaderSum(_generation), false, false);
    }

    protected override void ReadPage(long page, Span<byte> destination)
    {
        if (DiskFile.Read(OffsetOf(page), destination) != PageBytes)
            throw new DiskException(DiskFailure.Failed, $"The database's log has no page {page}.");
    }

    protected override void WritePage(long page, ReadOnlySpan<byte> data)
    {
        if (page != _count)
            throw new NotSupportedException($"LiteDB writes page {page} of its log, which has {_count}.");
        CutTail();
        data.CopyTo(Record);
        Span<byte> trailer = Record[PageBytes..];
        uint sum = SumOf(data, _last);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, _generation);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], sum);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[12..], 0);
        IsDirty = true;
        DiskFile.Write(OffsetOf(page), Record);
        (_last, _count) = (sum, page + 1);
    }

    private static long OffsetOf(long page) => RecordsAt + page * RecordBytes;

    private static uint SumOf(ReadOnlySpan<byte> page, uint before)
    {
        var sum = Crc32C.From(before);
        sum.Add(page);
        return sum.Value;
    }

    private static uint HeaderSum(ulong generation)
    {
        Span<byte> header = stackalloc byte[HeaderSumAt];
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], generation);
        return Crc32C.Of(header);
    }

    private static void WriteHeader(IDiskFile file, ulong generation)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], generation);
        BinaryPrimitives.WriteUInt32LittleEndian(header[HeaderSumAt..], HeaderSum(generation));
        file.Write(PlaceOf(generation), header);
    }

    private static long PlaceOf(ulong generation) => (long)(generation % Headers) * HeaderPlaceBytes;

    private void ReadHeader()
    {
        _generation = Math.Max(ReadGeneration(0), ReadGeneration(1));
        _last = HeaderSum(_generation);
        // A record of a generation whose header isn't there: that was written first, so it is damaged.
        if (_generation == 0 || IsOfNextGeneration())
            throw new DiskException(DiskFailure.Failed, "The database's log is damaged.");
    }

    /// <summary>0: there is none.</summary>
    private ulong ReadGeneration(int place)
    {
        Span<byte> header = stackalloc byte[HeaderSumAt + sizeof(uint)];
        int read = DiskFile.Read(place * HeaderPlaceBytes, header);
        ulong generation = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        bool isGood = read == header.Length && BinaryPrimitives.ReadUInt64LittleEndian(header) == Magic && BinaryPrimitives.ReadUInt32LittleEndian(header[HeaderSumAt..]) == HeaderSum(generation);
        return isGood ? generation : 0;
    }

    private bool IsOfNextGeneration()
    {
        uint sum = HeaderSum(_generation + 1);
        _generation++;
        bool isThere = TryRead(0, sum, out _);
        _generation--;
        return isThere;
    }

    private void CutTail()
    {
        if (!_hasTail)
            return;
        DiskFile.SetLength(OffsetOf(_count));
        DiskFile.Sync();
        _hasTail = false;
    }

    private bool TryRead(long page, uint before, out uint sum)
    {
        sum = 0;
        if (DiskFile.Read(OffsetOf(page), Record) != RecordBytes)
            return false;
        ReadOnlySpan<byte> trailer = Record[PageBytes..];
        sum = SumOf(Record[..PageBytes], before);
        return BinaryPrimitives.ReadUInt64LittleEndian(trailer) == _generation && BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]) == sum;
    }
}

/// <summary>
/// The data file: pages, each followed by its number (8), a CRC32C of the page and the number (4), and zeros (4). A page is written only after the log is on stable storage: so one
/// that a loss of power tore is in the log.
/// </summary>
internal sealed class LiteDbDataStream(IDiskFile file, LiteDbLogStream log, LiteDbWrites writes) : LiteDbStream(file, writes)
{
    private const int SummedBytes = PageBytes + sizeof(ulong);

    public override long Length => DiskFile.LengthBytes / RecordBytes * PageBytes;

    protected override void SyncFile() => DiskFile.Sync();

    protected override void Empty() => throw new NotSupportedException("LiteDB empties its data file.");

    protected override void ReadPage(long page, Span<byte> destination)
    {
        bool isGood = DiskFile.Read(page * RecordBytes, Record) == RecordBytes
            && BinaryPrimitives.ReadUInt64LittleEndian(Record[PageBytes..]) == (ulong)page
            && BinaryPrimitives.ReadUInt32LittleEndian(Record[SummedBytes..]) == Crc32C.Of(Record[..SummedBytes]);
        if (isGood)
            Record[..PageBytes].CopyTo(destination);
        else if (page != 0 || !log.TryReadLast(0, destination)) // LiteDB reads its header before it looks into the log.
            throw new DiskException(DiskFailure.Failed, $"Page {page} of the database is damaged.");
    }

    protected override void WritePage(long page, ReadOnlySpan<byte> data)
    {
        log.Sync();
        data.CopyTo(Record);
        BinaryPrimitives.WriteUInt64LittleEndian(Record[PageBytes..], (ulong)page);
        BinaryPrimitives.WriteUInt32LittleEndian(Record[SummedBytes..], Crc32C.Of(Record[..SummedBytes]));
        BinaryPrimitives.WriteUInt32LittleEndian(Record[(SummedBytes + sizeof(uint))..], 0);
        DiskFile.Write(page * RecordBytes, Record);
    }
}

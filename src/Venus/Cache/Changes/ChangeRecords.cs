using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// The change log's bytes, little-endian (docs/disk-format-cache.md). A segment is a header and records. A record: its length in all (4), its type (1), zeros (3), its body,
/// and CRC32C of all of this, which goes on from that of the record before, and in the first from that of the header (4). So what an earlier life left behind the end never follows.
/// Nothing of what is read is believed before it is checked: lengths are bounded before anything is allocated.
/// </summary>
internal static class ChangeRecords
{
    /// <summary>A request without its content is far smaller: the longest sets an xattr.</summary>
    public const int MostRequestBytes = 256 * 1024;

    /// <summary>Changes of a batch, those that are left out included.</summary>
    public const int MostChangesOfBatch = 512;

    /// <summary>A change is about four fids and two names: that is what it may need others for, and the makers of the four.</summary>
    public const int MostNeedsOfChange = 8;

    /// <summary>Numbers in one record of withdrawals.</summary>
    public const int MostWithdrawnOfRecord = 4096;

    public const int PrefixBytes = 8, SumBytes = 4;
    public const int MostRecordBytes = PrefixBytes + ChangeFixedBytes + 2 * Limits.NameBytes + MostRequestBytes + SumBytes;
    public const int LeastRecordBytes = PrefixBytes + SumBytes;

    private const int FidBytes = 16;
    private const int ChangeFixedBytes = 8 + 8 + 1 + 1 + 2 + 4 + 4 + 4 + 4 * FidBytes + 20 + 2 + 2 + 4;
    private const int BatchFixedBytes = 8 + 8 + 4 + 4, NeedBytes = 2 + 8;
    private const byte FenceFlag = 1;
    private const StatusFields AllFields = (StatusFields)63;

    private static readonly DateTimeOffset Earliest = DateTimeOffset.UnixEpoch;

    public static int LengthOf(Change change) => PrefixBytes + ChangeFixedBytes + change.Name.Length + change.NewName.Length + change.Request.Length + SumBytes;

    public static int LengthOf(BatchNote note) => PrefixBytes + BatchFixedBytes + 2 * note.Fates.Length + NeedBytes * note.Needs.Length + SumBytes;

    public static int LengthOfSettled => PrefixBytes + 16 + SumBytes;

    public static int LengthOfWithdrawn(int count) => PrefixBytes + 4 + 8 * count + SumBytes;

    /// <summary>It is of a kind that is known, and no part of it is too long.</summary>
    public static bool Fits(Change change) =>
        change.Kind is >= ChangeKind.Create and <= ChangeKind.StoreXattr && change.Request.Length <= MostRequestBytes && change.Name.Length <= Limits.NameBytes
        && change.NewName.Length <= Limits.NameBytes && change.Content.LengthBytes is >= 0 and <= Limits.FileBytes && (change.Fields & ~AllFields) == 0;

    /// <param name="chain">The checksum of the record before; afterwards of this one.</param>
    public static void Write(Span<byte> record, ref uint chain, ChangeNumber number, DateTimeOffset loggedAt, Change change)
    {
        var writer = new Writer(Begin(record, ChangeRecordType.Change));
        writer.Put(number.Value);
        writer.Put((ulong)(loggedAt - Earliest).Ticks);
        writer.Put((byte)change.Kind);
        writer.Put(change.IsFence ? FenceFlag : (byte)0);
        writer.Put(change.Operation);
        writer.Put(change.Caller.Uid);
        writer.Put(change.Caller.Gid);
        writer.Put((uint)change.Fields);
        writer.Put(change.Object);
        writer.Put(change.Parent);
        writer.Put(change.NewParent);
        writer.Put(change.Other);
        writer.Put(change.Content.Container.Value);
        writer.Put((ulong)change.Content.LengthBytes);
        writer.Put(change.Content.Crc32C);
        writer.Put((ushort)change.Name.Length);
        writer.Put((ushort)change.NewName.Length);
        writer.Put((uint)change.Request.Length);
        writer.Put(change.Name.Span);
        writer.Put(change.NewName.Span);
        writer.Put(change.Request.Span);
        End(record, ref chain);
    }

    public static void Write(Span<byte> record, ref uint chain, BatchNote note)
    {
        var writer = new Writer(Begin(record, ChangeRecordType.Batch));
        writer.Put(note.Number.Value);
        writer.Put(note.First.Value);
        writer.Put((uint)note.Fates.Length);
        writer.Put((uint)note.Needs.Length);
        foreach (ushort fate in note.Fates)
            writer.Put(fate);
        foreach (EarlierNeed need in note.Needs)
        {
            writer.Put(need.Place);
            writer.Put(need.Needed.Value);
        }
        End(record, ref chain);
    }

    public static void WriteSettled(Span<byte> record, ref uint chain, ChangeNumber through, BatchNumber batch)
    {
        var writer = new Writer(Begin(record, ChangeRecordType.Settled));
        writer.Put(through.Value);
        writer.Put(batch.Value);
        End(record, ref chain);
    }

    public static void WriteWithdrawn(Span<byte> record, ref uint chain, ReadOnlySpan<ChangeNumber> numbers)
    {
        var writer = new Writer(Begin(record, ChangeRecordType.Withdrawn));
        writer.Put((uint)numbers.Length);
        foreach (ChangeNumber number in numbers)
            writer.Put(number.Value);
        End(record, ref chain);
    }

    /// <summary>A whole record follows another one than it did.</summary>
    public static void Chain(Span<byte> record, ref uint chain) => End(record, ref chain);

    /// <summary>Does the record check, as one that follows a record with this checksum?</summary>
    public static bool TryCheck(ReadOnlySpan<byte> record, ref uint chain)
    {
        uint sum = Sum(record, chain);
        if (sum != BinaryPrimitives.ReadUInt32LittleEndian(record[^SumBytes..]))
            return false;
        chain = sum;
        return true;
    }

    public static int LengthIn(ReadOnlySpan<byte> prefix) => (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(prefix), int.MaxValue);

    public static ChangeRecordType TypeOf(ReadOnlySpan<byte> record) => (ChangeRecordType)record[4];

    /// <summary>Of a record that checks. False: nobody wrote this.</summary>
    public static bool TryRead(ReadOnlySpan<byte> record, out ChangeNumber number, out DateTimeOffset loggedAt, out Change? change)
    {
        var reader = new Reader(BodyOf(record));
        (number, loggedAt, change) = (default, default, null);
        if (reader.Left < ChangeFixedBytes)
            return false;
        number = new ChangeNumber(reader.TakeUInt64());
        ulong ticks = reader.TakeUInt64();
        if (ticks > (ulong)(DateTimeOffset.MaxValue - Earliest).Ticks)
            return false;
        loggedAt = Earliest.AddTicks((long)ticks);
        var kind = (ChangeKind)reader.TakeByte();
        byte flags = reader.TakeByte();
        ushort operation = reader.TakeUInt16();
        var caller = new Caller(reader.TakeUInt32(), reader.TakeUInt32());
        var fields = (StatusFields)reader.TakeUInt32();
        (Fid @object, Fid parent, Fid newParent, Fid other) = (reader.TakeFid(), reader.TakeFid(), reader.TakeFid(), reader.TakeFid());
        var content = new ChangedContent(new ContainerId(reader.TakeUInt64()), (long)reader.TakeUInt64(), reader.TakeUInt32());
        (int name, int newName, uint request) = (reader.TakeUInt16(), reader.TakeUInt16(), reader.TakeUInt32());
        if (name > Limits.NameBytes || newName > Limits.NameBytes || request > MostRequestBytes || reader.Left != name + newName + request || (flags & ~FenceFlag) != 0)
            return false;
        change = new Change
        {
            Kind = kind,
            Operation = operation,
            Caller = caller,
            Fields = fields,
            Object = @object,
            Parent = parent,
            NewParent = newParent,
            Other = other,
            Content = content,
            Name = reader.Take(name),
            NewName = reader.Take(newName),
            Request = reader.Take((int)request),
            IsFence = (flags & FenceFlag) != 0,
        };
        return Fits(change);
    }

    public static bool TryRead(ReadOnlySpan<byte> record, out BatchNote? note)
    {
        var reader = new Reader(BodyOf(record));
        note = null;
        if (reader.Left < BatchFixedBytes)
            return false;
        (ulong batch, ulong first, uint count, uint needed) = (reader.TakeUInt64(), reader.TakeUInt64(), reader.TakeUInt32(), reader.TakeUInt32());
        if (count is 0 or > MostChangesOfBatch || needed > MostNeedsOfChange * count || reader.Left != 2 * count + NeedBytes * needed || first > ulong.MaxValue - count)
            return false;
        ushort[] fates = new ushort[count];
        for (int place = 0; place < fates.Length; place++)
        {
            fates[place] = reader.TakeUInt16();
            if (fates[place] is not (ChangeFate.Cancelled or ChangeFate.Withdrawn) && (fates[place] < place || fates[place] >= count))
                return false;
        }
        var needs = new EarlierNeed[needed];
        for (int i = 0; i < needs.Length; i++)
        {
            needs[i] = new EarlierNeed(reader.TakeUInt16(), new ChangeNumber(reader.TakeUInt64()));
            if (needs[i].Place >= count || needs[i].Needed.Value >= first)
                return false;
        }
        note = new BatchNote(new BatchNumber(batch), new ChangeNumber(first), fates, needs);
        return true;
    }

    public static bool TryReadSettled(ReadOnlySpan<byte> record, out ChangeNumber through, out BatchNumber batch)
    {
        var reader = new Reader(BodyOf(record));
        (through, batch) = (default, default);
        if (reader.Left != 16)
            return false;
        (through, batch) = (new ChangeNumber(reader.TakeUInt64()), new BatchNumber(reader.TakeUInt64()));
        return true;
    }

    public static bool TryReadWithdrawn(ReadOnlySpan<byte> record, out ChangeNumber[] numbers)
    {
        var reader = new Reader(BodyOf(record));
        numbers = [];
        if (reader.Left < 4)
            return false;
        uint count = reader.TakeUInt32();
        if (count > MostWithdrawnOfRecord || reader.Left != 8 * count)
            return false;
        numbers = new ChangeNumber[count];
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = new ChangeNumber(reader.TakeUInt64());
        return true;
    }

    private static ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> record) => record[PrefixBytes..^SumBytes];

    private static Span<byte> Begin(Span<byte> record, ChangeRecordType type)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], (uint)type);
        return record[PrefixBytes..^SumBytes];
    }

    private static void End(Span<byte> record, ref uint chain)
    {
        chain = Sum(record, chain);
        BinaryPrimitives.WriteUInt32LittleEndian(record[^SumBytes..], chain);
    }

    private static uint Sum(ReadOnlySpan<byte> record, uint chain)
    {
        var crc = Crc32C.From(chain);
        crc.Add(record[..^SumBytes]);
        return crc.Value;
    }

    private ref struct Writer(Span<byte> destination)
    {
        private Span<byte> _left = destination;

        public void Put(byte value)
        {
            _left[0] = value;
            _left = _left[1..];
        }

        public void Put(ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_left, value);
            _left = _left[2..];
        }

        public void Put(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_left, value);
            _left = _left[4..];
        }

        public void Put(ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_left, value);
            _left = _left[8..];
        }

        public void Put(Fid fid)
        {
            Put(fid.Volume.Value);
            Put(fid.Vnode.Value);
            Put(fid.Uniquifier.Value);
        }

        public void Put(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_left);
            _left = _left[bytes.Length..];
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> source)
    {
        private ReadOnlySpan<byte> _left = source;

        public readonly int Left => _left.Length;

        public byte TakeByte() => Next(1)[0];

        public ushort TakeUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Next(2));

        public uint TakeUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Next(4));

        public ulong TakeUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Next(8));

        public Fid TakeFid() => new(new VolumeId(TakeUInt32()), new VnodeNumber(TakeUInt64()), new Uniquifier(TakeUInt32()));

        public byte[] Take(int count) => Next(count).ToArray();

        private ReadOnlySpan<byte> Next(int count)
        {
            ReadOnlySpan<byte> next = _left[..count];
            _left = _left[count..];
            return next;
        }
    }
}

/// <summary>Numbers are on disk: never reused.</summary>
internal enum ChangeRecordType : uint
{
    Change = 1,

    /// <summary>A batch is about to be sent.</summary>
    Batch = 2,

    /// <summary>The server has all through this change, or it was refused and handed on.</summary>
    Settled = 3,

    /// <summary>These depend on one that was refused: they are handed on, and never sent.</summary>
    Withdrawn = 4,
}

/// <summary>
/// The head of a segment, 80 bytes: "AFSCHLOG" (8), format (4), volume (4), the client's id (16), the segment's number (4), the chain's checksum before it (4), the number of its first change (8), what was
/// settled when it was made (8), the last batch that was settled then and the last that was noted (8 each), zeros (4), CRC32C of all before (4).
/// </summary>
internal sealed record ChangeSegmentHeader(VolumeId Volume, ClientId Client, uint Segment, uint Chain, ChangeNumber First, ChangeNumber Settled, BatchNumber SettledBatch, BatchNumber LastBatch)
{
    public const int Bytes = 80;

    private const uint Format = 1;
    private const int FormatAt = 8, VolumeAt = 12, ClientAt = 16, SegmentAt = 32, ChainAt = 36, FirstAt = 40, SettledAt = 48, SettledBatchAt = 56, LastBatchAt = 64, SumAt = 76;

    private static ReadOnlySpan<byte> Magic => "AFSCHLOG"u8;

    /// <summary>The checksum that its first record goes on from.</summary>
    public uint Write(Span<byte> header)
    {
        header[..Bytes].Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[FormatAt..], Format);
        BinaryPrimitives.WriteUInt32LittleEndian(header[VolumeAt..], Volume.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header[ClientAt..], Client.High);
        BinaryPrimitives.WriteUInt64LittleEndian(header[(ClientAt + 8)..], Client.Low);
        BinaryPrimitives.WriteUInt32LittleEndian(header[SegmentAt..], Segment);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChainAt..], Chain);
        BinaryPrimitives.WriteUInt64LittleEndian(header[FirstAt..], First.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header[SettledAt..], Settled.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header[SettledBatchAt..], SettledBatch.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header[LastBatchAt..], LastBatch.Value);
        uint sum = Crc32C.Of(header[..SumAt]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[SumAt..], sum);
        return sum;
    }

    /// <summary>Null: torn, or of nobody.</summary>
    /// <param name="chain">The checksum that its first record goes on from.</param>
    /// <exception cref="DiskException">It is of a later program, another client or another volume, and must be left alone.</exception>
    public static ChangeSegmentHeader? Read(ReadOnlySpan<byte> header, string name, VolumeId volume, ClientId client, out uint chain)
    {
        chain = 0;
        if (header.Length < SumAt || !header.StartsWith(Magic))
            return null;
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(header[FormatAt..]);
        if (format > Format)
            throw new DiskException(DiskFailure.Failed, $"{name}: format {format} of the change log is newer than this program's {Format}. It is left alone: changes that the server doesn't have are in it.");
        if (header.Length < Bytes || format != Format || BinaryPrimitives.ReadUInt32LittleEndian(header[SumAt..]) != (chain = Crc32C.Of(header[..SumAt])))
            return null;
        var read = new ChangeSegmentHeader(
            new VolumeId(BinaryPrimitives.ReadUInt32LittleEndian(header[VolumeAt..])),
            new ClientId(BinaryPrimitives.ReadUInt64LittleEndian(header[ClientAt..]), BinaryPrimitives.ReadUInt64LittleEndian(header[(ClientAt + 8)..])),
            BinaryPrimitives.ReadUInt32LittleEndian(header[SegmentAt..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[ChainAt..]),
            new ChangeNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[FirstAt..])),
            new ChangeNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[SettledAt..])),
            new BatchNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[SettledBatchAt..])),
            new BatchNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[LastBatchAt..])));
        if (read.Volume != volume || read.Client != client)
            throw new DiskException(DiskFailure.Failed, $"{name}: a change log of volume {read.Volume} and client {read.Client}, and not of {volume} and {client}. It is left alone: changes that the server doesn't have may be in it.");
        return read.First.Value == 0 || read.Settled >= read.First || read.SettledBatch.Value > read.LastBatch.Value ? null : read;
    }
}

using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>
/// Contents that come in parts: up to three stores, each a list of extents and their bytes, over a file. Whatever extents pass the checks make a patch, and what is read
/// through that patch is what a plain copy of the file says.
/// </summary>
internal sealed class PartsTarget : Target
{
    private const int MostExtents = 6, MostStores = 3, MostFileBytes = 6 * Limits.BlockBytes;

    private static readonly byte[] Pattern = MakePattern();

    private readonly byte[] _read = new byte[MostFileBytes];

    public override string Name => "parts";

    public override string About => "contents in parts: lists of extents, and the patches that become of them";

    public override int MostBytes => 512;

    public override long ShortExecutions => 1_000;

    /// <summary>The files are in memory here: up to three stores of 256 KiB, and as much again for each patch and for the copy.</summary>
    public override long MostAllocatedBytes(int inputBytes) => 8 << 20;

    public override IEnumerable<byte[]> Seeds()
    {
        yield return Store(100_000, 131_072, [(0, 65536)], 1);
        yield return Store(0, 200_000, [(65536, 65536), (131_072, 68_928)], 0);
        yield return [.. Store(300_000, 300_000, [(65536, 65536)], 2), .. Store(300_000, 320_000, [(262_144, 57_856)], 3)[4..]];
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        var fields = new InputFields(input);
        int baseLength = (int)(fields.UInt32() % (MostFileBytes + 1));
        byte[] model = Pattern.AsSpan(0, baseLength).ToArray();
        IContent current = new MemoryContent([.. model]);
        uint crc = Crc32C.Of(model);
        bool isAccepted = false;
        for (int store = 0; store < MostStores && !fields.IsAtEnd; store++)
        {
            long length = fields.Int64();
            var extents = new List<Extent>();
            for (int count = fields.Byte() % (MostExtents + 1); extents.Count < count;)
                extents.Add(new Extent { OffsetBytes = fields.Int64(), LengthBytes = fields.Int64() });
            int seed = fields.Byte();
            HoldsOfExtents(extents, length);
            if (Accept(extents, length, model.Length) is not { } parts)
                continue;
            byte[] sent = Sent(parts, seed);
            if (!PassesTheDoor(parts, sent))
                continue;
            Array.Resize(ref model, (int)length);
            Apply(model, parts, sent);
            if (PagePatch.TryMakeAsync(parts, sent, new PartsBase(crc, new ObjectId(7), current)).Now() is not { } patch)
                return isAccepted;
            IContent whole = current is PatchedContent patched ? patched.Base : current;
            current = PatchedContent.OpenAsync(new MemoryContent(patch.ToBytesAsync().Now()), whole, new ObjectId(7), default).Now();
            crc = patch.Crc32C;
            HoldsOfContent(current, model, crc);
            isAccepted = true;
        }
        return isAccepted;
    }

    /// <summary>Of any list at all.</summary>
    private static void HoldsOfExtents(List<Extent> extents, long length)
    {
        if (!Extents.AreValid(extents, length))
            return;
        Holds(length >= (extents.Count == 0 ? 0 : 1), "No extent lies in a file without length, and no length is negative.");
        long end = 0;
        foreach (Extent extent in extents)
        {
            Holds(extent.OffsetBytes >= end && extent.LengthBytes > 0 && extent.EndBytes > extent.OffsetBytes && extent.EndBytes <= length, "Extents ascend, are apart, and lie in the file.");
            end = extent.EndBytes;
        }
        var cursor = new ExtentCursor(extents);
        for (int steps = 0; !cursor.IsAtEnd; steps++)
        {
            Holds(steps < extents.Count, "A cursor comes to its end.");
            cursor.Advance(cursor.Left);
        }
        if (length <= Limits.FileBytes)
        {
            Holds(cursor.Passed == new ContentParts { LengthBytes = length, Base = default, Extents = extents }.TransferBytes, "A cursor passes all bytes.");
            Holds(Extents.AreValid(Extents.Cover(extents.Select(static e => (e.OffsetBytes, e.EndBytes)), length), length), "What covers extents is a list of extents.");
        }
    }

    private static ContentParts? Accept(List<Extent> extents, long length, int before) =>
        length >= before && length <= MostFileBytes && Extents.AreValid(extents, length) ? new ContentParts { LengthBytes = length, Base = new DataVersion(3), Extents = extents } : null;

    /// <summary>The checks of the server, and the same after a way over the wire.</summary>
    private static bool PassesTheDoor(ContentParts parts, byte[] sent)
    {
        var request = new StoreDataRequest
        {
            Fid = new Fid(new VolumeId(1), new VnodeNumber(2), new Uniquifier(3)),
            Base = parts.Base,
            LengthBytes = parts.LengthBytes,
            AllocatedBytes = 0,
            Crc32C = 0,
            ModifyTime = default,
            ChangeTime = default,
            Content = sent,
            Parts = parts,
        };
        bool passes = RequestChecks.Check(request) == AbortCode.None;
        Holds(!passes || sent.Length <= Limits.InlinePartsBytes, "Not too much comes inside of a request.");
        return passes;
    }

    private void HoldsOfContent(IContent file, byte[] model, uint crc)
    {
        Holds(file.LengthBytes == model.Length, "A patched file has the length of its content.");
        Memory<byte> read = _read.AsMemory(0, model.Length);
        file.ReadAsync(new[] { new ContentRange(0, read) }, default).Now();
        Holds(read.Span.SequenceEqual(model), "A patched file reads as its content.");
        Holds(Crc32C.Of(model) == crc, "The checksum that is made of parts is that of the whole.");
        for (long offset = 0; offset < model.Length;)
        {
            IReadOnlyList<DataRun> found = file.FindDataAsync(offset, 1, default).Now();
            long start = found.Count > 0 ? found[0].StartBytes : model.Length;
            Holds(!model.AsSpan((int)offset, (int)(start - offset)).ContainsAnyExcept((byte)0), "What is no data is zeros.");
            if (found.Count == 0)
                break;
            offset = found[0].EndBytes;
        }
    }

    private static byte[] Sent(ContentParts parts, int seed)
    {
        byte[] sent = new byte[parts.TransferBytes];
        int at = 0;
        foreach (Extent extent in parts.Extents)
        {
            Pattern.AsSpan((int)extent.OffsetBytes, (int)extent.LengthBytes).CopyTo(sent.AsSpan(at));
            at += (int)extent.LengthBytes;
        }
        // Few pages change; the seed says which.
        for (int page = seed % 5 * 4096; page < sent.Length && seed > 0; page += 4096 * (1 + seed % 7))
            sent[page] ^= (byte)(seed | 1);
        return sent;
    }

    private static void Apply(byte[] model, ContentParts parts, byte[] sent)
    {
        int at = 0;
        foreach (Extent extent in parts.Extents)
        {
            sent.AsSpan(at, (int)extent.LengthBytes).CopyTo(model.AsSpan((int)extent.OffsetBytes));
            at += (int)extent.LengthBytes;
        }
    }

    private static byte[] Store(uint before, long length, (long Offset, long Length)[] extents, byte seed)
    {
        var bytes = new List<byte>();
        AddInt64(bytes, before);
        bytes.RemoveRange(4, 4);
        AddInt64(bytes, length);
        bytes.Add((byte)extents.Length);
        foreach ((long offset, long lengthBytes) in extents)
        {
            AddInt64(bytes, offset);
            AddInt64(bytes, lengthBytes);
        }
        bytes.Add(seed);
        return [.. bytes];
    }

    private static void AddInt64(List<byte> bytes, long value)
    {
        Span<byte> field = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(field, value);
        bytes.AddRange(field);
    }

    private static byte[] MakePattern()
    {
        byte[] pattern = new byte[MostFileBytes];
        new Random(5).NextBytes(pattern.AsSpan(0, MostFileBytes / 2));
        return pattern;
    }
}

using System.Buffers.Binary;
using Afs.Platform;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>
/// The head of a patch as it stands on the server's disk, and the content that it is read as. The first byte says whether the checksum is made right, and whether
/// the file is, behind its index, as long as its head wants it: else hardly any input got further.
/// </summary>
internal sealed class PatchTarget : Target
{
    private const int HeadBytes = 48, SumAt = 40, CountAt = 12, BaseAt = 24, BaseLengthAt = 32;
    private const int MostReads = 64;
    private const long MostBaseBytes = 1 << 20;

    private readonly byte[] _buffer = new byte[8192];

    public override string Name => "patch-heads";

    public override string About => "heads of patches on the server's disk, and contents that are read through them";

    /// <summary>Of the earlier format each number stands for 16 pages. Each of the reads has its two lists of ranges.</summary>
    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 512L * inputBytes;

    public override IReadOnlyList<byte[]> Words => ["AFSPATCH"u8.ToArray(), [1, 0, 0, 0], [2, 0, 0, 0]];

    public override IEnumerable<byte[]> Seeds()
    {
        foreach (uint[] pages in (uint[][])[[], [0], [1, 2, 5], [0, 1, 2, 3, 4, 5, 6, 7]])
        {
            byte[] head = new PatchIndex(new ObjectId(7), 20_000, 32_768, pages).Encode();
            yield return [3, .. head];
            byte[] older = [.. head];
            older[8] = 1;
            yield return [3, .. older];
        }
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        (bool hasSum, bool hasLength) = ((input[0] & 1) != 0, (input[0] & 2) != 0);
        byte[] bytes = input[1..].ToArray();
        long length = bytes.Length;
        if (bytes.Length >= HeadBytes)
        {
            int count = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(CountAt));
            int end = HeadBytes + (int)Math.Clamp((long)count * sizeof(uint), 0, bytes.Length - HeadBytes);
            if (hasSum)
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(SumAt), SumOf(bytes.AsSpan(0, end)));
            if (hasLength && count >= 0 && HeadBytes + (long)count * sizeof(uint) <= bytes.Length)
                length = bytes[8] == 1 ? (HeadBytes + (long)count * sizeof(uint) + 4095) / 4096 * 4096 + (long)count * Limits.BlockBytes : HeadBytes + (long)count * (sizeof(uint) + 4096);
        }
        try
        {
            (long baseLength, ulong @base) = bytes.Length < HeadBytes ? (0, 0) : (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(BaseLengthAt)), BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(BaseAt)));
            ReadAll(PatchedContent.OpenAsync(new MemoryContent(bytes, length), new MemoryContent([], Math.Clamp(baseLength, 0, MostBaseBytes)), new ObjectId(@base), default).Now());
            return true;
        }
        catch (DiskException)
        {
            return false;
        }
    }

    private void ReadAll(PatchedContent file)
    {
        Holds(file.LengthBytes >= 0, "A length isn't negative.");
        long offset = 0;
        for (int reads = 0; reads < MostReads; reads++)
        {
            int count = (int)Math.Clamp(file.LengthBytes - offset, 0, _buffer.Length);
            if (count == 0)
                break;
            file.ReadAsync(new[] { new ContentRange(offset, _buffer.AsMemory(0, count)) }, default).Now();
            offset = reads < 8 ? offset + count : offset + (file.LengthBytes - offset) / 2 + 1;
        }
        offset = 0;
        for (int runs = 0; runs < MostReads && offset < file.LengthBytes; runs++)
        {
            if (file.FindDataAsync(offset, 1, default).Now() is not [var run])
                break;
            Holds(!run.IsEmpty && run.StartBytes >= offset && run.EndBytes <= file.LengthBytes, "Data lie behind where they were looked for, and within the content.");
            offset = run.EndBytes;
        }
        if (file.Index.LengthBytes < 1 << 30)
        {
            byte[] again = new PatchIndex(file.Index.Base, file.Index.BaseLengthBytes, file.Index.LengthBytes, file.Index.Pages.ToArray()).Encode();
            PatchIndex read = PatchIndex.ReadAsync(new MemoryContent(again, again.Length + (long)file.Index.Pages.Length * PatchIndex.PageBytes), default).Now();
            Holds(read.Pages.SequenceEqual(file.Index.Pages) && read.LengthBytes == file.Index.LengthBytes, "What was read is written as the same.");
        }
    }

    private static uint SumOf(ReadOnlySpan<byte> bytes)
    {
        var sum = new Crc32C();
        sum.Add(bytes[..SumAt]);
        sum.Add(bytes[HeadBytes..]);
        return sum.Value;
    }
}

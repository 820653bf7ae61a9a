using System.Buffers.Binary;

namespace Afs.Fuzz.Planted;

/// <summary>
/// A parser of a small format with one error in it, which must be found: so a run that finds nothing elsewhere means something. The format is a magic of four
/// bytes, each looked at alone, a kind, a length (16, big-endian) and so many bytes: without a look at what is reached nobody gets past the magic.
/// </summary>
internal sealed class PlantedErrors(PlantedError error)
{
    private const int HeadBytes = 7;
    private const byte KindOfNesting = 3, KindOfList = 5;

    public bool TryParse(ReadOnlySpan<byte> input)
    {
        if (input.Length < HeadBytes)
            return false;
        if (input[0] != (byte)'F')
            return false;
        if (input[1] != (byte)'u')
            return false;
        if (input[2] != (byte)'Z')
            return false;
        if (input[3] != (byte)'z')
            return false;
        return input[4] switch
        {
            KindOfNesting => TrySkip(input[HeadBytes..], depth: 0, out _),
            KindOfList => TryReadList(input[HeadBytes..], BinaryPrimitives.ReadUInt16BigEndian(input[5..])),
            _ => false,
        };
    }

    /// <summary>A byte 1 nests, 0 ends.</summary>
    private bool TrySkip(ReadOnlySpan<byte> bytes, int depth, out int used)
    {
        used = 0;
        bool isTooDeep = depth > 16 && error != PlantedError.Recursion;
        if (isTooDeep || bytes.Length == 0 || bytes[0] > 1)
            return false;
        used = 1;
        if (bytes[0] == 0)
            return true;
        // The error is that of a walk that never moves on.
        int next = error == PlantedError.Recursion ? 0 : 1;
        bool isWhole = TrySkip(bytes[next..], depth + 1, out int inner);
        used += inner;
        return isWhole;
    }

    private bool TryReadList(ReadOnlySpan<byte> bytes, int length)
    {
        if (error == PlantedError.Allocation)
            GC.KeepAlive(new byte[length]);
        if (length > bytes.Length && error != PlantedError.Length)
            return false;
        ReadOnlySpan<byte> list = bytes[..length];
        int at = 0;
        while (at < list.Length)
        {
            // A zero is a step of nothing.
            if (list[at] == 0 && error != PlantedError.Loop)
                return false;
            at += list[at];
        }
        if (at != list.Length)
            return false;
        byte[] again = Write(list);
        return again.AsSpan().SequenceEqual(list) ? true : throw new BrokenPropertyException("What was read is written as something else.");
    }

    private byte[] Write(ReadOnlySpan<byte> list)
    {
        byte[] bytes = list.ToArray();
        if (error == PlantedError.RoundTrip && bytes.Length > 2)
            bytes[^1] = 0;
        return bytes;
    }
}

/// <summary>What is wrong with a parser.</summary>
internal enum PlantedError
{
    /// <summary>A length is not compared with what is there.</summary>
    Length,

    /// <summary>A length is allocated before anything is there.</summary>
    Allocation,

    /// <summary>A step of nothing is repeated for ever.</summary>
    Loop,

    /// <summary>Nesting has no bound.</summary>
    Recursion,

    /// <summary>What is written isn't what was read.</summary>
    RoundTrip,
}

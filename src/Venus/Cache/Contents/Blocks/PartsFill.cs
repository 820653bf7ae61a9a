using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Makes a fetched content of parts: of a copy of the container of an older version, or of zeros, and the extents that are downloaded. Not safe for
/// concurrent use.
/// </summary>
/// <param name="sums">Null: they aren't wanted, or can't be known. Belongs to the caller.</param>
internal sealed class PartsFill(IDiskFile file, ContentParts parts, Container? @base, ArrivingSums? sums)
{
    private byte[] _before = [];
    private readonly ExtentCursor _cursor = new(parts.Extents);
    private PartsChecksum _checksum = null!;

    public bool IsComplete => _cursor.IsAtEnd;

    /// <summary>Of the whole content.</summary>
    public uint WholeCrc32C => _checksum.Value;

    /// <summary>Can what the server said be used?</summary>
    public static bool IsUsable(ContentParts parts, FetchStatus status, Container? cached) =>
        parts.LengthBytes == status.LengthBytes && Extents.AreValid(parts.Extents, parts.LengthBytes)
        && (parts.Base == DataVersion.None
            || cached is { IsLocal: false, NeedsVerify: false } && cached.BaseVersion == parts.Base && cached.Baseline.LengthBytes <= parts.LengthBytes);

    /// <summary>May take as long as copying the file. False: the older version is gone, or isn't what it was.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public bool Prepare()
    {
        file.SetLength(parts.LengthBytes);
        if (@base is null)
        {
            _checksum = new PartsChecksum(0, 0, parts.LengthBytes);
            return true;
        }
        IDiskFile source = @base.File;
        foreach ((long start, long end) in DataRuns.Of(source))
            file.CopyFrom(source, start, Math.Min(end, parts.LengthBytes) - start);
        _checksum = new PartsChecksum(@base.Crc32C, @base.Baseline.LengthBytes, parts.LengthBytes);
        return !@base.IsLocal && @base.BaseVersion == parts.Base && !@base.IsChanged();
    }

    /// <summary>In order.</summary>
    /// <exception cref="InvalidDataException">It isn't what was asked for.</exception>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (offset != _cursor.Passed)
            throw new InvalidDataException($"Content came at {offset} where {_cursor.Passed} was expected.");
        while (!data.IsEmpty)
        {
            if (_cursor.IsAtEnd)
                throw new InvalidDataException("More came than was asked for.");
            ReadOnlySpan<byte> piece = data[..(int)Math.Min(data.Length, _cursor.Left)];
            _checksum.Replace(_cursor.Offset, piece.Length, Before(_cursor.Offset, piece.Length), Crc32C.Of(piece));
            sums?.Add(_cursor.Offset, piece);
            file.Write(_cursor.Offset, piece);
            _cursor.Advance(piece.Length);
            data = data[piece.Length..];
        }
    }

    private uint Before(long offset, int count)
    {
        if (@base is null)
            return Crc32C.OfZeros(count);
        if (_before.Length < count)
            _before = new byte[count];
        if (file.Read(offset, _before.AsSpan(0, count)) != count)
            throw new InvalidDataException("The copy of the older version is too short.");
        return Crc32C.Of(_before.AsSpan(0, count));
    }
}

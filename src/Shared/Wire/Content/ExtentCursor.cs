namespace Afs.Wire;

/// <summary>Where in a content the next byte of a stream belongs that carries its extents one after the other.</summary>
public sealed class ExtentCursor(IReadOnlyList<Extent> extents)
{
    private int _extent;
    private long _within;

    /// <summary>Bytes of the stream so far.</summary>
    public long Passed { get; private set; }

    public bool IsAtEnd => _extent == extents.Count;

    /// <summary>In the content. Not at the end.</summary>
    public long Offset => extents[_extent].OffsetBytes + _within;

    /// <summary>Bytes of the extent that are still to come. Not at the end.</summary>
    public long Left => extents[_extent].LengthBytes - _within;

    /// <summary>By at most <see cref="Left"/>.</summary>
    public void Advance(long countBytes)
    {
        if (countBytes < 0 || countBytes > Left)
            throw new ArgumentOutOfRangeException(nameof(countBytes));
        Passed += countBytes;
        _within += countBytes;
        if (Left == 0)
            (_extent, _within) = (_extent + 1, 0);
    }
}

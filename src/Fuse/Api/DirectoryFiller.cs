namespace Afs.Fuse;

/// <summary>
/// Writes directory entries into the reply buffer of a READDIR or READDIRPLUS, in the kernel's layout.
/// Lives on the stack of the session's thread; valid only during the call that it was passed to.
/// </summary>
public ref struct DirectoryFiller
{
    private readonly Span<byte> _buffer;

    internal DirectoryFiller(Span<byte> buffer, bool isPlus)
    {
        _buffer = buffer;
        IsPlus = isPlus;
    }

    /// <summary>READDIRPLUS: each entry goes with a lookup of it, and counts as one where its node isn't zero.</summary>
    public bool IsPlus { get; }

    public int WrittenBytes { get; private set; }

    /// <summary>Adds one entry. False: it doesn't fit, nothing was written, end the reply.</summary>
    /// <param name="name">1 to 255 bytes, without NUL and '/'.</param>
    /// <param name="nextOffset">Where the next READDIR goes on after this entry; never zero.</param>
    /// <param name="modeType">The S_IFMT bits of the entry's mode.</param>
    /// <param name="entry">Only with <see cref="IsPlus"/>; node zero means "type and number only".</param>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong ino, ulong nextOffset, uint modeType, in EntryReply entry)
    {
        int used = Protocol.DirectoryEntryWriter.TryWrite(_buffer[WrittenBytes..], IsPlus, name, ino, nextOffset, modeType, entry);
        WrittenBytes += used;
        return used > 0;
    }
}

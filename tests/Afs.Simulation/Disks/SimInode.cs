using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// A file of a simulated disk: what programs see, what is on stable storage, and the changes in between. Power loss keeps any of those,
/// each whole, torn at a sector, or not at all.
/// </summary>
internal sealed class SimInode
{
    private const int SectorBytes = 512;

    private readonly List<Change> _unsynced = [];
    private byte[] _content = [];
    private byte[] _stable = [];

    /// <summary>It is a folder, and has no content.</summary>
    public bool IsFolder { get; init; }

    public int LengthBytes => _content.Length;

    public Timestamp ModifyTime { get; set; }

    public Timestamp ChangeTime { get; set; }

    /// <summary>Who has it mapped for writing, with or without an open file.</summary>
    public List<SimHost> Mappings { get; } = [];

    public bool IsMapped => Mappings.Exists(static host => !host.IsDead);

    /// <summary>The next store by a mapping is a fault, which sets the file's times. One into a page that is dirty already doesn't.</summary>
    public bool IsProtected { get; set; } = true;

    public int Read(long offset, Span<byte> destination)
    {
        if (offset >= _content.Length)
            return 0;
        int count = Math.Min(destination.Length, _content.Length - (int)offset);
        _content.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => Make(new Change((int)offset, data.ToArray(), -1));

    public void SetLength(long lengthBytes) => Make(new Change(0, [], (int)lengthBytes));

    public void Sync()
    {
        _stable = _content;
        _unsynced.Clear();
    }

    public void LosePower(Random random)
    {
        byte[] content = _stable;
        foreach (Change change in _unsynced)
        {
            int fate = random.Next(3);
            if (fate == 0)
                content = change.Apply(content);
            else if (fate == 1 && change.Data.Length > SectorBytes)
                content = (change with { Data = change.Data[..(random.Next(1, change.Data.Length / SectorBytes + 1) * SectorBytes)] }).Apply(content);
        }
        _content = _stable = content;
        _unsynced.Clear();
    }

    private void Make(Change change)
    {
        _content = change.Apply(_content);
        _unsynced.Add(change);
    }

    /// <summary>A write; or, with a length that isn't negative, a change of length.</summary>
    private sealed record Change(int Offset, byte[] Data, int NewLength)
    {
        /// <summary>Contents are never changed in place, so that the stable one can be shared.</summary>
        public byte[] Apply(byte[] content)
        {
            byte[] changed = new byte[NewLength >= 0 ? NewLength : Math.Max(content.Length, Offset + Data.Length)];
            content.AsSpan(0, Math.Min(content.Length, changed.Length)).CopyTo(changed);
            if (NewLength < 0)
                Data.CopyTo(changed, Offset);
            return changed;
        }
    }
}

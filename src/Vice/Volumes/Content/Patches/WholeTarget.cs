using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A whole content file, sparse where the base has holes and no part is.</summary>
internal sealed class WholeTarget : IPartsTarget
{
    private readonly IDiskFile _file;
    private readonly ContentParts _parts;
    private readonly IDiskFile? _current;

    /// <param name="current">Null: zeros.</param>
    public WholeTarget(IDiskFile file, ContentParts parts, IDiskFile? current)
    {
        (_file, _parts, _current) = (file, parts, current);
        file.SetLength(parts.LengthBytes);
    }

    public ObjectId Base => ObjectId.None;

    public void Write(long offset, ReadOnlySpan<byte> data) => _file.Write(offset, data);

    public void Finish()
    {
        if (_current is null)
            return;
        long from = 0;
        foreach (Extent extent in _parts.Extents)
        {
            Copy(_current, from, extent.OffsetBytes);
            from = extent.EndBytes;
        }
        Copy(_current, from, _current.LengthBytes);
    }

    private void Copy(IDiskFile @base, long from, long to)
    {
        to = Math.Min(to, @base.LengthBytes);
        while (from < to)
        {
            DataRun data = @base.NextData(from);
            long end = Math.Min(data.EndBytes, to);
            if (data.IsEmpty || data.StartBytes >= to)
                return;
            CopyData(@base, data.StartBytes, end);
            from = end;
        }
    }

    /// <summary>The disk may share the blocks of the base's one file; a patched one has two.</summary>
    private void CopyData(IDiskFile @base, long from, long to)
    {
        if (@base is not PatchedFile patched)
        {
            _file.CopyFrom(@base, from, to - from);
            return;
        }
        bool isPatch = patched.Index.TryFind(from / PatchIndex.PageBytes, out _);
        _file.CopyFrom(isPatch ? patched : patched.Base, from, to - from);
    }
}

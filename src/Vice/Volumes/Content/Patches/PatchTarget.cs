using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A patch. The blocks of an earlier patch over the same base that the parts leave as they are are copied into it, so that no content is ever a patch over a patch.</summary>
internal sealed class PatchTarget : IPartsTarget
{
    /// <summary>
    /// A larger one is made a whole content: copying the patch at each store and copying the base now and then cost about the same at this size,
    /// for a file of 512 MiB and stores of a block or two.
    /// </summary>
    public const int MostBlocks = 128;

    private readonly IDiskFile _file;
    private readonly PatchIndex _index;
    private readonly IDiskFile _current;
    private readonly uint[] _earlier;

    private PatchTarget(IDiskFile file, PatchIndex index, IDiskFile current, uint[] earlier) =>
        (_file, _index, _current, _earlier) = (file, index, current, earlier);

    public ObjectId Base => _index.Base;

    /// <summary>Null: it would be too large, or more than half of the content.</summary>
    /// <exception cref="DiskException">The head couldn't be written.</exception>
    public static PatchTarget? TryMake(IDiskFile file, ContentParts parts, ObjectId baseId, IDiskFile current)
    {
        long blocks = parts.Extents.Sum(static e => (e.LengthBytes + Limits.BlockBytes - 1) / Limits.BlockBytes);
        if (blocks > MostBlocks)
            return null;
        var changed = new SortedSet<uint>(parts.Extents.SelectMany(BlocksOf));
        uint[] earlier = current is PatchedFile patched ? [.. patched.Index.Blocks.ToArray().Where(b => !changed.Contains(b))] : [];
        uint[] all = [.. changed.Concat(earlier).Order()];
        if (all.Length > MostBlocks || (long)all.Length * Limits.BlockBytes > parts.LengthBytes / 2)
            return null;
        long baseLengthBytes = current is PatchedFile p ? p.Index.BaseLengthBytes : current.LengthBytes;
        var index = new PatchIndex(baseId, baseLengthBytes, parts.LengthBytes, all);
        file.SetLength(index.FileBytes);
        file.Write(0, index.Encode());
        return new PatchTarget(file, index, current, earlier);
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            (long block, long within) = Math.DivRem(offset, Limits.BlockBytes);
            int count = (int)Math.Min(data.Length, Limits.BlockBytes - within);
            if (!_index.TryFind(block, out long at))
                throw new InvalidOperationException($"Block {block} isn't in the patch.");
            _file.Write(at + within, data[..count]);
            offset += count;
            data = data[count..];
        }
    }

    public void Finish()
    {
        byte[] buffer = new byte[_earlier.Length == 0 ? 0 : Limits.BlockBytes];
        foreach (uint block in _earlier)
        {
            long offset = (long)block * Limits.BlockBytes;
            Write(offset, buffer.AsSpan(0, _current.Read(offset, buffer)));
        }
    }

    private static IEnumerable<uint> BlocksOf(Extent extent)
    {
        for (long offset = extent.OffsetBytes; offset < extent.EndBytes; offset += Limits.BlockBytes)
            yield return (uint)(offset / Limits.BlockBytes);
    }
}

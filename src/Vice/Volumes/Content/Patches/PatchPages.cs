using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>Which pages parts touch, and which of an earlier patch they leave as they are. An extent begins with a page.</summary>
internal static class PatchPages
{
    public static long CountIn(Extent extent) => (extent.LengthBytes + PatchIndex.PageBytes - 1) / PatchIndex.PageBytes;

    public static IEnumerable<uint> In(Extent extent)
    {
        for (long offset = extent.OffsetBytes; offset < extent.EndBytes; offset += PatchIndex.PageBytes)
            yield return (uint)(offset / PatchIndex.PageBytes);
    }

    /// <summary>Ascending; none where the current content is whole.</summary>
    public static uint[] Outside(ContentParts parts, IDiskFile current)
    {
        if (current is not PatchedFile patched)
            return [];
        var touched = new HashSet<uint>(parts.Extents.SelectMany(In));
        // An earlier format had whole blocks, also behind the content's end.
        return [.. patched.Index.Pages.ToArray().Where(page => !touched.Contains(page) && (long)page * PatchIndex.PageBytes < current.LengthBytes)];
    }
}

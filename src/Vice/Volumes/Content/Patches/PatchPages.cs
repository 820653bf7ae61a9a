using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>Which pages parts touch, and which of an earlier patch they leave as they are. All lists ascend. An extent begins with a page.</summary>
internal static class PatchPages
{
    public static long CountIn(ContentParts parts)
    {
        long count = 0;
        foreach (Extent extent in parts.Extents)
            count += (extent.LengthBytes + PatchIndex.PageBytes - 1) / PatchIndex.PageBytes;
        return count;
    }

    public static uint[] In(ContentParts parts)
    {
        uint[] pages = new uint[CountIn(parts)];
        int count = 0;
        foreach (Extent extent in parts.Extents)
        {
            for (long offset = extent.OffsetBytes; offset < extent.EndBytes; offset += PatchIndex.PageBytes)
                pages[count++] = (uint)(offset / PatchIndex.PageBytes);
        }
        return pages;
    }

    public static bool Contains(ContentParts parts, uint page)
    {
        long offset = (long)page * PatchIndex.PageBytes;
        foreach (Extent extent in parts.Extents)
        {
            if (offset >= extent.OffsetBytes && offset < extent.EndBytes)
                return true;
        }
        return false;
    }

    /// <summary>Those of the current content's patch that the parts leave; none where it is whole.</summary>
    public static uint[] Outside(ContentParts parts, IDiskFile current)
    {
        if (current is not PatchedFile patched)
            return [];
        uint[] pages = new uint[patched.Index.Pages.Length];
        int count = 0;
        foreach (uint page in patched.Index.Pages)
        {
            // An earlier format had whole blocks, also behind the content's end.
            if (!Contains(parts, page) && (long)page * PatchIndex.PageBytes < current.LengthBytes)
                pages[count++] = page;
        }
        Array.Resize(ref pages, count);
        return pages;
    }

    /// <summary>Two lists that have no page in common.</summary>
    public static uint[] Merge(uint[] some, uint[] others)
    {
        uint[] all = new uint[some.Length + others.Length];
        for (int i = 0, j = 0; i + j < all.Length;)
        {
            bool isOther = i == some.Length || j < others.Length && others[j] < some[i];
            all[i + j] = isOther ? others[j] : some[i];
            (i, j) = isOther ? (i, j + 1) : (i + 1, j);
        }
        return all;
    }
}

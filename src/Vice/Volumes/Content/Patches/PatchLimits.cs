namespace Afs.Vice.Volumes.Content;

/// <summary>How large a patch may be.</summary>
internal static class PatchLimits
{
    /// <summary>
    /// One of more than 8 MiB is made a whole content: copying the patch at each store and copying the base now and then cost about the same at this size,
    /// for a file of 512 MiB and stores of a block or two.
    /// </summary>
    private const int MostPages = 2048;

    /// <summary>
    /// A patch of up to this length, head included, is data of its row: in the metadata's log it costs less than the two fsyncs of a file. A block that changed
    /// entirely and as many pages of earlier changes fit.
    /// </summary>
    public const int MostRowBytes = 128 * 1024;

    /// <summary>False: there are too many, or they are more than half of the content.</summary>
    public static bool Allow(long pages, long lengthBytes) => pages <= MostPages && pages * PatchIndex.PageBytes <= lengthBytes / 2;
}

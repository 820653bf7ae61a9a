namespace Afs.Rpc;

/// <summary>Bounds of frames, checked before a byte of the content is read.</summary>
public static class FrameLimits
{
    /// <summary>Bytes of the length field.</summary>
    public const int PrefixBytes = 4;

    /// <summary>
    /// The most bytes of a frame on a control connection, without the length field. The largest reply of the contract, a directory page with
    /// its statuses, has less.
    /// </summary>
    public const int ControlBytes = 2 * 1024 * 1024;

    /// <summary>The most content bytes in one chunk.</summary>
    public const int ChunkBytes = 1024 * 1024;

    /// <summary>The most bytes of a frame on a bulk connection, without the length field.</summary>
    public const int BulkBytes = ChunkBytes + 64;

    /// <summary>The most bytes of a text that is shown to people.</summary>
    public const int TextBytes = 512;
}

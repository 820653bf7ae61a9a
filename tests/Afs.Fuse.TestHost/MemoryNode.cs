namespace Afs.Fuse.TestHost;

/// <summary>One object of the <see cref="MemoryFileSystem"/>. Guarded by its lock.</summary>
internal sealed class MemoryNode
{
    public const uint TypeMask = 0xF000;
    public const uint DirectoryType = 0x4000;
    public const uint LinkType = 0xA000;

    public required NodeId Id { get; init; }

    public FuseAttributes Attributes;

    public byte[] Content = [];

    public Dictionary<string, MemoryNode> Children { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, byte[]> Xattrs { get; } = new(StringComparer.Ordinal);

    public ulong Lookups { get; set; }

    public bool IsDirectory => (Attributes.Mode & TypeMask) == DirectoryType;

    public int SizeBytes => (int)Attributes.SizeBytes;

    public void Resize(long sizeBytes)
    {
        if (sizeBytes > Content.Length)
        {
            Array.Resize(ref Content, (int)Math.Max(sizeBytes, Content.Length * 2L));
        }
        else if (sizeBytes < SizeBytes)
        {
            Content.AsSpan((int)sizeBytes).Clear();
        }

        Attributes.SizeBytes = (ulong)sizeBytes;
        Attributes.Blocks = (ulong)(sizeBytes + 511) / 512;
    }

    public void Touch()
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var time = new FuseTime(now.ToUnixTimeSeconds(), (uint)(now.Ticks % TimeSpan.TicksPerSecond) * 100);
        Attributes.ModifyTime = time;
        Attributes.ChangeTime = time;
    }
}

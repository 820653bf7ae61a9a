namespace Afs.Wire;

/// <summary>A file, directory or other object within its volume. Shown by stat as the inode number. Never reused within a volume's life.</summary>
public readonly record struct VnodeNumber(ulong Value)
{
    /// <summary>The root directory of every volume.</summary>
    public static readonly VnodeNumber Root = new(1);

    public override string ToString() => Value.ToString();
}

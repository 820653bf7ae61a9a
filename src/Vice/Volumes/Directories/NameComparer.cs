using System.Diagnostics.CodeAnalysis;

namespace Afs.Vice.Volumes.Directories;

/// <summary>Names are bytes, and equal if all their bytes are.</summary>
public sealed class NameComparer : IEqualityComparer<byte[]>
{
    public static readonly NameComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode([DisallowNull] byte[] name)
    {
        var hash = new HashCode();
        hash.AddBytes(name);
        return hash.ToHashCode();
    }
}

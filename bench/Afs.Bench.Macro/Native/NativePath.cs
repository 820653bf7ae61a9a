using System.Text;

namespace Afs.Bench.Macro.Native;

/// <summary>A path as the kernel takes it, encoded once, so that a timed loop neither encodes nor allocates.</summary>
public sealed unsafe class NativePath
{
    private readonly byte[] _bytes;

    public NativePath(string text)
    {
        Text = text;
        _bytes = GC.AllocateUninitializedArray<byte>(Encoding.UTF8.GetByteCount(text) + 1, pinned: true);
        Encoding.UTF8.GetBytes(text, _bytes);
        _bytes[^1] = 0;
        fixed (byte* first = _bytes)
            Pointer = first;
    }

    public string Text { get; }

    /// <summary>Valid as long as this object is reachable: the array is pinned.</summary>
    internal byte* Pointer { get; }

    public static NativePath[] Numbered(string directory, string prefix, int count)
    {
        var paths = new NativePath[count];
        for (int i = 0; i < count; i++)
            paths[i] = new NativePath(Path.Combine(directory, $"{prefix}{i:D6}"));
        return paths;
    }

    public override string ToString() => Text;
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>
/// Takes structures, names and bytes from the front of one request. Nothing is read past its end, and what a request
/// lacks is an errno and never an exception. Numbers are in the machine's own byte order, as the kernel writes them.
/// </summary>
internal ref struct FrameReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    public readonly int RemainingBytes => _rest.Length;

    public bool TryTake<T>(out T value)
        where T : struct
    {
        int sizeBytes = Unsafe.SizeOf<T>();
        if (_rest.Length < sizeBytes)
        {
            value = default;
            return false;
        }

        value = MemoryMarshal.Read<T>(_rest);
        _rest = _rest[sizeBytes..];
        return true;
    }

    public bool TryTakeBytes(uint count, out ReadOnlySpan<byte> bytes)
    {
        if (count > (uint)_rest.Length)
        {
            bytes = default;
            return false;
        }

        bytes = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return true;
    }

    /// <summary>Takes one name of a directory entry: 1 to 255 bytes, without '/', neither "." nor "..", up to its NUL.</summary>
    public Errno TakeName(out ReadOnlySpan<byte> name)
    {
        Errno error = TakeText(FuseProtocol.NameMaxBytes, out name);
        if (error != Errno.None)
        {
            return error;
        }

        return name.Contains((byte)'/') || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) ? Errno.EINVAL : Errno.None;
    }

    /// <summary>Takes 1 to <paramref name="maxBytes"/> bytes that a NUL ends. Longer ones are ENAMETOOLONG.</summary>
    public Errno TakeText(int maxBytes, out ReadOnlySpan<byte> text)
    {
        int lengthBytes = _rest.IndexOf((byte)0);
        if (lengthBytes <= 0)
        {
            text = default;
            return Errno.EINVAL;
        }

        text = _rest[..lengthBytes];
        _rest = _rest[(lengthBytes + 1)..];
        return lengthBytes > maxBytes ? Errno.ENAMETOOLONG : Errno.None;
    }
}

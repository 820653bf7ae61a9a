using System.Buffers.Binary;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// A directory's names as bytes: for each its length (1 byte), the name, vnode (8 bytes), uniquifier (4 bytes), type (1 byte); at the end a
/// CRC32C of all before. Little-endian.
/// </summary>
internal static class NamesCodec
{
    private const int FixedBytes = 1 + 8 + 4 + 1;
    private const int ChecksumBytes = 4;

    public static byte[] Encode(IReadOnlyList<ListedName> names)
    {
        byte[] bytes = new byte[names.Sum(static n => n.Name.Length + FixedBytes) + ChecksumBytes];
        Span<byte> rest = bytes;
        foreach (ListedName name in names)
        {
            int length = name.Name.Length;
            rest[0] = checked((byte)length);
            name.Name.CopyTo(rest[1..]);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[(1 + length)..], name.Fid.Vnode.Value);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[(9 + length)..], name.Fid.Uniquifier.Value);
            rest[13 + length] = (byte)name.Type;
            rest = rest[(FixedBytes + length)..];
        }
        BinaryPrimitives.WriteUInt32LittleEndian(rest, Crc32C.Of(bytes.AsSpan(0, bytes.Length - ChecksumBytes)));
        return bytes;
    }

    /// <summary>Null: the bytes are damaged.</summary>
    public static List<ListedName>? TryDecode(VolumeId volume, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < ChecksumBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]) != Crc32C.Of(bytes[..^ChecksumBytes]))
            return null;
        var names = new List<ListedName>();
        ReadOnlySpan<byte> rest = bytes[..^ChecksumBytes];
        while (rest.Length > 0)
        {
            int length = rest[0];
            if (rest.Length < FixedBytes + length)
                return null;
            var vnode = new VnodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(rest[(1 + length)..]));
            var uniquifier = new Uniquifier(BinaryPrimitives.ReadUInt32LittleEndian(rest[(9 + length)..]));
            names.Add(new ListedName(rest.Slice(1, length).ToArray(), new Fid(volume, vnode, uniquifier), (FileType)rest[13 + length]));
            rest = rest[(FixedBytes + length)..];
        }
        return names;
    }
}

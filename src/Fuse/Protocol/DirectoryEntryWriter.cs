using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>Lays out one <c>struct fuse_dirent</c> or <c>fuse_direntplus</c>, padded with zeros to 8 bytes.</summary>
internal static class DirectoryEntryWriter
{
    /// <summary>
    /// The bytes written, or zero where the entry doesn't fit. "." and ".." never carry a node: the kernel counts no
    /// lookup for them (fuse_direntplus_link in fs/fuse/readdir.c).
    /// </summary>
    /// <exception cref="ArgumentException">The name is empty, longer than 255 bytes, or holds a NUL or '/'; or the offset is zero.</exception>
    public static int TryWrite(
        Span<byte> destination, bool isPlus, ReadOnlySpan<byte> name, ulong ino, ulong nextOffset, uint modeType, in EntryReply entry)
    {
        RequireName(name);
        ArgumentOutOfRangeException.ThrowIfZero(nextOffset);
        int direntOffset = isPlus ? Unsafe.SizeOf<FuseEntryOut>() : 0;
        int nameOffset = direntOffset + Unsafe.SizeOf<FuseDirent>();
        int totalBytes = (nameOffset + name.Length + 7) & ~7;
        if (totalBytes > destination.Length)
        {
            return 0;
        }

        if (isPlus)
        {
            bool isDot = name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
            ReplyWriter.Entry(destination, isDot ? default : entry);
        }

        MemoryMarshal.Write(destination[direntOffset..], new FuseDirent(ino, nextOffset, (uint)name.Length, (modeType >> 12) & 15));
        name.CopyTo(destination[nameOffset..]);
        destination[(nameOffset + name.Length)..totalBytes].Clear();
        return totalBytes;
    }

    private static void RequireName(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > FuseProtocol.NameMaxBytes || name.ContainsAny((byte)0, (byte)'/'))
        {
            throw new ArgumentException("A directory entry's name is 1 to 255 bytes, without NUL and '/'.", nameof(name));
        }
    }
}

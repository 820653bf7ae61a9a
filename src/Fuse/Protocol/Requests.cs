using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>
/// Takes structures, names and bytes from the front of one request, in the machine's own byte order, as the kernel writes them. Nothing is read past the
/// end. The first thing that is missing or can't be is noted in <see cref="Error"/>, and everything taken after it is empty: so a request is read in
/// one go, and its error looked at once, before anything is done with it.
/// </summary>
/// <param name="body">The request after its header, without extensions.</param>
/// <param name="roomBytes">How much data the reply can hold.</param>
/// <param name="hasLongSetXattr">FUSE_SETXATTR_EXT was agreed on.</param>
internal ref struct FrameReader(ReadOnlySpan<byte> body, int roomBytes = 0, bool hasLongSetXattr = true)
{
    private ReadOnlySpan<byte> _rest = body;

    public readonly int RestBytes => _rest.Length;

    public readonly int RoomBytes => roomBytes;

    public readonly bool HasLongSetXattr => hasLongSetXattr;

    /// <summary><see cref="Errno.None"/>: the request is well formed so far.</summary>
    public Errno Error { get; private set; }

    /// <summary>
    /// Splits a frame into its header and its body, without the extensions that may end it. False: it isn't as long as it says. The header
    /// then still holds an id to answer, if there was room for one; else its id is zero.
    /// </summary>
    public static bool TryOpen(ReadOnlySpan<byte> frame, out FuseInHeader header, out ReadOnlySpan<byte> body)
    {
        body = default;
        header = default;
        if (frame.Length < FuseInHeader.SizeBytes)
        {
            return false;
        }

        header = MemoryMarshal.Read<FuseInHeader>(frame);
        int bodyBytes = frame.Length - FuseInHeader.SizeBytes - header.ExtensionWords * 8;
        if (header.LengthBytes != frame.Length || bodyBytes < 0)
        {
            return false;
        }

        body = frame.Slice(FuseInHeader.SizeBytes, bodyBytes);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Take<T>()
        where T : struct
    {
        if (_rest.Length < Unsafe.SizeOf<T>())
        {
            Fail(Errno.EINVAL);
            return default;
        }

        T value = MemoryMarshal.Read<T>(_rest);
        _rest = _rest[Unsafe.SizeOf<T>()..];
        return value;
    }

    public ReadOnlySpan<byte> Bytes(uint count)
    {
        if (count > (uint)_rest.Length)
        {
            Fail(Errno.EINVAL);
            return default;
        }

        ReadOnlySpan<byte> bytes = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return bytes;
    }

    /// <summary>One name of a directory entry: 1 to 255 bytes, without '/', neither "." nor "..", up to its NUL.</summary>
    public ReadOnlySpan<byte> Name()
    {
        ReadOnlySpan<byte> name = Text(FuseProtocol.NameMaxBytes, Errno.ENAMETOOLONG);
        Require(!name.Contains((byte)'/') && name is not ([(byte)'.'] or [(byte)'.', (byte)'.']));
        return name;
    }

    /// <summary>The name of an extended attribute: 1 to 255 bytes of any value but NUL.</summary>
    public ReadOnlySpan<byte> XattrName() => Text(FuseProtocol.NameMaxBytes, Errno.ERANGE);

    /// <summary>1 to <paramref name="maxBytes"/> bytes that a NUL ends.</summary>
    public ReadOnlySpan<byte> Text(int maxBytes, Errno tooLong)
    {
        int lengthBytes = _rest.IndexOf((byte)0);
        if (lengthBytes <= 0 || lengthBytes > maxBytes)
        {
            Fail(lengthBytes <= 0 ? Errno.EINVAL : tooLong);
            return default;
        }

        ReadOnlySpan<byte> text = _rest[..lengthBytes];
        _rest = _rest[(lengthBytes + 1)..];
        return text;
    }

    /// <summary>What must be so, or the request is malformed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Require(bool holds, Errno otherwise = Errno.EINVAL)
    {
        if (!holds)
        {
            Fail(otherwise);
        }
    }

    private void Fail(Errno error)
    {
        Error = Error == Errno.None ? error : Error;
        _rest = default;
    }
}

/// <summary>A structure, and the one or two names that follow it.</summary>
internal readonly ref struct Named<THead>(THead head, ReadOnlySpan<byte> name, ReadOnlySpan<byte> second = default)
    where THead : struct
{
    public readonly THead Head = head;
    public readonly ReadOnlySpan<byte> Name = name;
    public readonly ReadOnlySpan<byte> Second = second;
}

/// <summary>SYMLINK: the name of the link, and what it points to.</summary>
internal readonly ref struct SymLinkRequest(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
{
    public readonly ReadOnlySpan<byte> Name = name;
    public readonly ReadOnlySpan<byte> Target = target;
}

/// <summary>INIT: what the kernel speaks and offers.</summary>
internal readonly record struct InitRequest(uint Major, uint Minor, uint MaxReadaheadBytes, FuseInitFlags Flags);

/// <summary>How each request is read. What a request may say is checked here, and nowhere else.</summary>
internal static class Requests
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>A request without a body.</summary>
    public static bool Nothing(ref FrameReader reader) => true;

    /// <summary>A request that can't come.</summary>
    public static bool Unexpected(ref FrameReader reader)
    {
        reader.Require(false);
        return false;
    }

    /// <summary>One structure, in which anything may stand.</summary>
    public static T Plain<T>(ref FrameReader reader)
        where T : struct => reader.Take<T>();

    /// <summary>One name in the node of the header.</summary>
    public static ReadOnlySpan<byte> Name(ref FrameReader reader) => reader.Name();

    public static Named<THead> WithName<THead>(ref FrameReader reader)
        where THead : struct => new(reader.Take<THead>(), reader.Name());

    public static Named<FuseRename2In> Rename(ref FrameReader reader) =>
        new(new FuseRename2In(reader.Take<FuseRenameIn>().NewParent, 0, 0), reader.Name(), reader.Name());

    public static Named<FuseRename2In> Rename2(ref FrameReader reader) => new(reader.Take<FuseRename2In>(), reader.Name(), reader.Name());

    public static SymLinkRequest SymLink(ref FrameReader reader) => new(reader.Name(), reader.Text(FuseProtocol.LinkTargetMaxBytes, Errno.ENAMETOOLONG));

    /// <summary>GETATTR. The handle is that of the open file which fstat was called on; null for stat.</summary>
    public static FileHandle? GetAttributes(ref FrameReader reader)
    {
        FuseGetAttrIn raw = reader.Take<FuseGetAttrIn>();
        return HandleOf(raw.Flags, raw.Handle);
    }

    public static FileHandle? Statx(ref FrameReader reader)
    {
        FuseStatxIn raw = reader.Take<FuseStatxIn>();
        return HandleOf(raw.GetAttrFlags, raw.Handle);
    }

    public static SetAttributesRequest SetAttributes(ref FrameReader reader)
    {
        FuseSetAttrIn raw = reader.Take<FuseSetAttrIn>();
        var mask = (SetAttributesMask)raw.Valid;
        reader.Require((mask & SetAttributesMask.Size) == 0 || raw.SizeBytes <= long.MaxValue);
        reader.Require((mask & SetAttributesMask.AccessTime) == 0 || raw.AccessNanoseconds < NanosecondsPerSecond);
        reader.Require((mask & SetAttributesMask.ModifyTime) == 0 || raw.ModifyNanoseconds < NanosecondsPerSecond);
        reader.Require((mask & SetAttributesMask.ChangeTime) == 0 || raw.ChangeNanoseconds < NanosecondsPerSecond);
        return new SetAttributesRequest
        {
            Mask = mask,
            Handle = raw.Handle,
            SizeBytes = raw.SizeBytes,
            AccessTime = new FuseTime((long)raw.AccessSeconds, raw.AccessNanoseconds),
            ModifyTime = new FuseTime((long)raw.ModifySeconds, raw.ModifyNanoseconds),
            ChangeTime = new FuseTime((long)raw.ChangeSeconds, raw.ChangeNanoseconds),
            Mode = raw.Mode,
            Uid = raw.Uid,
            Gid = raw.Gid,
        };
    }

    public static FuseReadIn Read(ref FrameReader reader)
    {
        FuseReadIn raw = ReadDirectory(ref reader);
        reader.Require(raw.Offset <= long.MaxValue);
        return raw;
    }

    /// <summary>READDIR and READDIRPLUS, whose offset is a cookie that the filesystem gave.</summary>
    public static FuseReadIn ReadDirectory(ref FrameReader reader)
    {
        FuseReadIn raw = reader.Take<FuseReadIn>();
        reader.Require(raw.SizeBytes <= (uint)reader.RoomBytes);
        return raw;
    }

    /// <summary>WRITE. The data follows the structure (<see cref="FuseWriteIn.Bytes"/>).</summary>
    public static FuseWriteIn Write(ref FrameReader reader)
    {
        FuseWriteIn raw = reader.Take<FuseWriteIn>();
        reader.Require(raw.SizeBytes <= (uint)reader.RestBytes && raw.Offset <= (ulong)(long.MaxValue - raw.SizeBytes));
        return raw;
    }

    public static FuseFallocateIn Fallocate(ref FrameReader reader)
    {
        FuseFallocateIn raw = reader.Take<FuseFallocateIn>();
        reader.Require(raw.Offset <= long.MaxValue && raw.LengthBytes <= (ulong)long.MaxValue - raw.Offset);
        return raw;
    }

    /// <summary>COPY_FILE_RANGE and COPY_FILE_RANGE_64. A caller may ask for SIZE_MAX bytes, meaning "to the end"; no offset can pass long.MaxValue.</summary>
    public static FuseCopyFileRangeIn CopyFileRange(ref FrameReader reader)
    {
        FuseCopyFileRangeIn raw = reader.Take<FuseCopyFileRangeIn>();
        ulong furthest = Math.Max(raw.Offset, raw.ToOffset);
        reader.Require(furthest <= long.MaxValue);
        return raw with { LengthBytes = Math.Min(raw.LengthBytes, (ulong)long.MaxValue - furthest) };
    }

    /// <summary>GETLK, SETLK and SETLKW.</summary>
    public static FuseLkIn Lock(ref FrameReader reader)
    {
        FuseLkIn raw = reader.Take<FuseLkIn>();
        reader.Require(raw.Lock.Kind <= (uint)FileLockKind.Unlock && raw.Lock.Start <= raw.Lock.End);
        return raw;
    }

    /// <summary>SETXATTR, in its long or its short form. The second "name" is the value.</summary>
    public static Named<FuseSetXattrIn> SetXattr(ref FrameReader reader)
    {
        FuseSetXattrIn head = reader.HasLongSetXattr ? reader.Take<FuseSetXattrIn>() : reader.Take<FuseSetXattrCompatIn>().Extended;
        reader.Require(head.SizeBytes <= FuseProtocol.XattrMaxBytes, Errno.E2BIG);
        return new(head, reader.XattrName(), reader.Bytes(head.SizeBytes));
    }

    /// <summary>GETXATTR, after whose structure the name stands.</summary>
    public static ReadOnlySpan<byte> GetXattr(ref FrameReader reader)
    {
        reader.Take<FuseGetXattrIn>();
        return reader.XattrName();
    }

    public static ReadOnlySpan<byte> RemoveXattr(ref FrameReader reader) => reader.XattrName();

    public static ReadOnlySpan<FuseForgetOne> BatchForget(ref FrameReader reader)
    {
        int oneBytes = Unsafe.SizeOf<FuseForgetOne>();
        uint count = reader.Take<FuseBatchForgetIn>().Count;
        reader.Require(count <= int.MaxValue / oneBytes);
        return MemoryMarshal.Cast<byte, FuseForgetOne>(reader.Bytes(count * (uint)oneBytes));
    }

    public static InitRequest Init(ref FrameReader reader)
    {
        FuseInitIn raw = reader.Take<FuseInitIn>();
        ulong flags = raw.Flags;
        if ((flags & (ulong)FuseInitFlags.InitExtended) != 0)
        {
            flags |= (ulong)reader.Take<uint>() << 32;
        }

        return new InitRequest(raw.Major, raw.Minor, raw.MaxReadaheadBytes, (FuseInitFlags)flags);
    }

    private static FileHandle? HandleOf(uint flags, FileHandle handle) => (flags & FuseProtocol.GetAttrHandle) != 0 ? handle : null;
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>Builds the messages that answer no request. Each function returns the frame's length in bytes.</summary>
internal static class NotificationWriter
{
    /// <summary>Enough for any notification with a name of 255 bytes and its NUL.</summary>
    public const int MaxBytes = FuseOutHeader.SizeBytes + 24 + FuseProtocol.NameMaxBytes + 1;

    public static int InvalidateNode(Span<byte> frame, NodeId node, long offset, long lengthBytes) =>
        Seal(frame, FuseNotifyCode.InvalidateInode, Put(frame, new FuseNotifyInvalInodeOut(node.Value, offset, lengthBytes)));

    public static int InvalidateEntry(Span<byte> frame, NodeId parent, ReadOnlySpan<byte> name)
    {
        int usedBytes = Put(frame, new FuseNotifyInvalEntryOut(parent.Value, (uint)name.Length, 0));
        return Seal(frame, FuseNotifyCode.InvalidateEntry, PutName(frame, usedBytes, name));
    }

    public static int Delete(Span<byte> frame, NodeId parent, NodeId child, ReadOnlySpan<byte> name)
    {
        int usedBytes = Put(frame, new FuseNotifyDeleteOut(parent.Value, child.Value, (uint)name.Length, 0));
        return Seal(frame, FuseNotifyCode.Delete, PutName(frame, usedBytes, name));
    }

    public static int IncrementEpoch(Span<byte> frame) => Seal(frame, FuseNotifyCode.IncrementEpoch, FuseOutHeader.SizeBytes);

    public static int Resend(Span<byte> frame) => Seal(frame, FuseNotifyCode.Resend, FuseOutHeader.SizeBytes);

    private static int Put<T>(Span<byte> frame, in T body)
        where T : struct
    {
        MemoryMarshal.Write(frame[FuseOutHeader.SizeBytes..], body);
        return FuseOutHeader.SizeBytes + Unsafe.SizeOf<T>();
    }

    private static int PutName(Span<byte> frame, int usedBytes, ReadOnlySpan<byte> name)
    {
        name.CopyTo(frame[usedBytes..]);
        frame[usedBytes + name.Length] = 0;
        return usedBytes + name.Length + 1;
    }

    private static int Seal(Span<byte> frame, FuseNotifyCode code, int totalBytes)
    {
        MemoryMarshal.Write(frame, new FuseOutHeader((uint)totalBytes, (int)code, 0));
        return totalBytes;
    }
}

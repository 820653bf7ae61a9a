using System.Buffers;
using System.Buffers.Binary;

namespace Afs.Rpc;

/// <summary>Writes whole frames, each with its length field.</summary>
internal static class FrameWriter
{
    private const int TypeBytes = 1;

    /// <summary>Bytes that a frame takes on the wire.</summary>
    public static int WireBytes<TFrame>(TFrame frame, int bodyBytes)
        where TFrame : struct, IFrame => FrameLimits.PrefixBytes + TypeBytes + frame.FixedBytes + bodyBytes;

    /// <summary>Writes all of a frame but its body, which must follow.</summary>
    public static int WriteHead<TFrame>(Span<byte> target, TFrame frame, int bodyBytes)
        where TFrame : struct, IFrame
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, (uint)(TypeBytes + frame.FixedBytes + bodyBytes));
        target[FrameLimits.PrefixBytes] = (byte)TFrame.Type;
        var fields = new FieldWriter(target.Slice(FrameLimits.PrefixBytes + TypeBytes, frame.FixedBytes));
        frame.Write(ref fields);
        return FrameLimits.PrefixBytes + TypeBytes + frame.FixedBytes;
    }

    public static void Write<TFrame>(IBufferWriter<byte> output, TFrame frame, ReadOnlySpan<byte> body)
        where TFrame : struct, IFrame
    {
        int wireBytes = WireBytes(frame, body.Length);
        Span<byte> target = output.GetSpan(wireBytes);
        int head = WriteHead(target, frame, body.Length);
        body.CopyTo(target[head..]);
        output.Advance(wireBytes);
    }
}

using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>What opens every request: the operation, the node it is about, and who asks.</summary>
internal readonly record struct RequestHeader(FuseOpcode Opcode, RequestId Id, NodeId Node, uint Uid, uint Gid, uint Pid)
{
    /// <summary>The operation of a frame; zero where it is too short for a header.</summary>
    public static FuseOpcode PeekOpcode(ReadOnlySpan<byte> frame) =>
        frame.Length < FuseInHeader.SizeBytes ? default : MemoryMarshal.Read<FuseInHeader>(frame).Opcode;

    /// <summary>The thread that sent a frame; zero where the kernel doesn't tell, or the frame is too short for a header.</summary>
    public static uint PeekCaller(ReadOnlySpan<byte> frame) =>
        frame.Length < FuseInHeader.SizeBytes ? 0 : MemoryMarshal.Read<FuseInHeader>(frame).Pid;

    /// <summary>
    /// Splits a frame into its header and its body, without the extensions that may end it.
    /// Where it fails, <paramref name="header"/> still holds an id to answer if the frame had room for one; else its id is zero.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> frame, out RequestHeader header, out ReadOnlySpan<byte> body)
    {
        body = default;
        header = default;
        if (frame.Length < FuseInHeader.SizeBytes)
        {
            return false;
        }

        FuseInHeader raw = MemoryMarshal.Read<FuseInHeader>(frame);
        header = new RequestHeader(raw.Opcode, new RequestId(raw.Unique), new NodeId(raw.NodeId), raw.Uid, raw.Gid, raw.Pid);
        int bodyBytes = frame.Length - FuseInHeader.SizeBytes - raw.ExtensionWords * 8;
        if (raw.LengthBytes != frame.Length || bodyBytes < 0)
        {
            return false;
        }

        body = frame.Slice(FuseInHeader.SizeBytes, bodyBytes);
        return true;
    }
}

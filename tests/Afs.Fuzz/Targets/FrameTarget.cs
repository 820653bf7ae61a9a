using System.Buffers;
using System.Buffers.Binary;
using Afs.Rpc;

namespace Afs.Fuzz;

/// <summary>What a peer sends, frame by frame, on a control or a bulk connection: the first byte says which.</summary>
internal sealed class FrameTarget : Target
{
    private readonly ArrayBufferWriter<byte> _again = new(8192);

    public override string Name => "rpc-frames";

    public override string About => "the frames of connections between clients and the server";

    public override IReadOnlyList<byte[]> Words => [[0, 0, 0, 9, 6], [0x41, 0x46, 0x53, 0x52, 0, 2, 1], [0, 0, 0, 0, 0, 0, 0, 1]];

    public override IEnumerable<byte[]> Seeds()
    {
        ReadOnlySpan<byte> body = [0x90];
        var tokens = new SessionToken(6, 7);
        return
        [
            Written(new HelloFrame(ProtocolVersion.Current, ConnectionRole.Control, new ClientId(1, 2), new SessionId(3), "root", tokens), []),
            Written(new WelcomeFrame(new SessionId(3), tokens, IsNew: true, new Epoch(4), 30_000, new SessionTrust(5)), []),
            Written(new RefusalFrame(RefusalReason.Busy, 1), "no"u8),
            Written(new RequestFrame(new SessionId(3), new CallSequence(7), new CallSequence(5), 120, IsRetry: true, 1000), body),
            Written(new ReplyFrame(new CallSequence(7), ReplyStatus.Replied, new AbortCode(0), new Epoch(4), new SessionTrust(5, IsWithoutPromises: true)), body),
            Written(new PingFrame(new CallSequence(5)), []),
            Written(default(PongFrame), []),
            Written(default(GoodbyeFrame), "ok"u8),
            Written(new BulkDownloadFrame(1000, new CallerNumber(9)), body),
            Written(new BulkUploadFrame(new CallSequence(7), new CallSequence(5), IsRetry: false, 0, new CallerNumber(9), 4096), body),
            Written(new BulkStartFrame(4096), []),
            Written(new BulkChunkFrame(2048), [0xAB, 0xCD]),
        ];
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        int mostBytes = (input[0] & 1) == 0 ? FrameLimits.ControlBytes : FrameLimits.BulkBytes;
        ReadOnlySpan<byte> rest = input[1..];
        try
        {
            while (FrameReader.TryReadLength(rest, mostBytes, out int length) && rest.Length - FrameLimits.PrefixBytes >= length)
            {
                Holds(length > 0 && length <= mostBytes, "A length is within its bounds.");
                FrameType type = FrameReader.ReadType(rest[FrameLimits.PrefixBytes]);
                Read(type, rest.Slice(FrameLimits.PrefixBytes + 1, length - 1));
                rest = rest[(FrameLimits.PrefixBytes + length)..];
            }
            return true;
        }
        catch (MalformedMessageException e)
        {
            Holds(e.Message.Length is > 0 and < 1024, "A reason is one short line.");
            return false;
        }
    }

    private void Read(FrameType type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case FrameType.Hello:
                HelloFrame hello = HelloFrame.Read(content);
                if (hello.Version == ProtocolVersion.Current)
                    Again(hello, 0, static (c, _) => HelloFrame.Read(c));
                break;
            case FrameType.Welcome: Again(WelcomeFrame.Read(content), 0, static (c, _) => WelcomeFrame.Read(c)); break;
            case FrameType.Refusal:
                RefusalFrame refusal = RefusalFrame.Read(content, out string why);
                HoldsOfText(why);
                Again(refusal, content.Length - refusal.FixedBytes, static (c, _) => RefusalFrame.Read(c, out string _));
                break;
            case FrameType.Request: Again(RequestFrame.Read(content), content.Length - RequestFrame.Bytes, static (c, _) => RequestFrame.Read(c)); break;
            case FrameType.Reply: Again(ReplyFrame.Read(content), content.Length - ReplyFrame.Bytes, static (c, _) => ReplyFrame.Read(c)); break;
            case FrameType.Ping: Again(PingFrame.Read(content), 0, static (c, _) => PingFrame.Read(c)); break;
            case FrameType.Pong: PongFrame.Read(content); break;
            case FrameType.Goodbye: HoldsOfText(GoodbyeFrame.Read(content)); break;
            case FrameType.BulkDownload: Again(BulkDownloadFrame.Read(content), content.Length - BulkDownloadFrame.Bytes, static (c, _) => BulkDownloadFrame.Read(c)); break;
            case FrameType.BulkUpload: Again(BulkUploadFrame.Read(content), content.Length - BulkUploadFrame.Bytes, static (c, _) => BulkUploadFrame.Read(c)); break;
            case FrameType.BulkStart: Again(BulkStartFrame.Read(content), 0, static (c, _) => BulkStartFrame.Read(c)); break;
            case FrameType.BulkChunk:
                BulkChunkFrame chunk = BulkChunkFrame.Read(content);
                Holds(chunk.Offset >= 0, "An offset isn't negative.");
                Again(chunk, content.Length - BulkChunkFrame.Bytes, static (c, _) => BulkChunkFrame.Read(c));
                break;
            default: throw new BrokenPropertyException($"There is a type {type}.");
        }
    }

    private delegate T Reader<T>(ReadOnlySpan<byte> content, int bodyBytes);

    /// <summary>What was read is written, and read again, as the same.</summary>
    private void Again<T>(T frame, int bodyBytes, Reader<T> read)
        where T : struct, IFrame
    {
        _again.ResetWrittenCount();
        int head = FrameWriter.WriteHead(_again.GetSpan(FrameWriter.WireBytes(frame, 0)), frame, 0);
        ReadOnlySpan<byte> written = _again.GetSpan(head)[..head];
        Holds(BinaryPrimitives.ReadUInt32BigEndian(written) == head - FrameLimits.PrefixBytes, "A length counts what follows it.");
        Holds(bodyBytes >= 0, "The fixed part is there.");
        T again = read(written[(FrameLimits.PrefixBytes + 1)..], bodyBytes);
        Holds(EqualityComparer<T>.Default.Equals(again, frame), "What was read is written as the same.");
    }

    private static void HoldsOfText(string text)
    {
        foreach (char c in text)
            Holds(!char.IsControl(c), "A text for people has no control characters.");
    }

    private static byte[] Written<T>(T frame, ReadOnlySpan<byte> body)
        where T : struct, IFrame
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.Write(output, frame, body);
        return [T.Type < FrameType.BulkDownload ? (byte)0 : (byte)1, .. output.WrittenSpan];
    }
}

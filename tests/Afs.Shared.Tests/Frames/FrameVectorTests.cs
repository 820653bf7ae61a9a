using System.Buffers;
using Afs.Rpc;

namespace Afs.Shared.Tests.Frames;

/// <summary>Each frame has exactly these bytes, and what is cut, too long or out of range is refused.</summary>
public sealed class FrameVectorTests
{
    private static readonly Dictionary<string, byte[]> All = Vectors.Read("frames.txt")
        .ToDictionary(row => row[0], row => Convert.FromHexString(string.Concat(row[1..])));

    public static TheoryData<string> Names => [.. Vectors.Read("frames.txt").Select(row => row[0])];

    [Theory]
    [MemberData(nameof(Names))]
    public void WritesTheseBytes(string name) => Assert.Equal(Convert.ToHexStringLower(All[name]), Convert.ToHexStringLower(Write(name)));

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryCutFrameIsRefused(string name)
    {
        byte[] content = All[name][(FrameLimits.PrefixBytes + 1)..];
        int bodyBytes = name switch
        {
            "request" or "reply" or "bulk-download" or "bulk-upload" => 1,
            "refusal" or "goodbye" or "bulk-chunk" => 2,
            _ => 0,
        };
        for (int length = 0; length < content.Length - bodyBytes; length++)
            Assert.Throws<MalformedMessageException>(() => Read(name, content.AsSpan(0, length)));
        Read(name, content);
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("welcome")]
    [InlineData("ping")]
    [InlineData("pong")]
    [InlineData("bulk-start")]
    public void AByteTooManyIsRefused(string name) =>
        Assert.Throws<MalformedMessageException>(() => Read(name, [.. All[name][(FrameLimits.PrefixBytes + 1)..], 0]));

    [Fact]
    public void LengthsAreCheckedBeforeAnythingElse()
    {
        Assert.False(FrameReader.TryReadLength([0, 0, 0], 100, out _));
        Assert.True(FrameReader.TryReadLength([0, 0, 0, 100], 100, out int length));
        Assert.Equal(100, length);
        Assert.Throws<MalformedMessageException>(() => FrameReader.TryReadLength([0, 0, 0, 101], 100, out _));
        Assert.Throws<MalformedMessageException>(() => FrameReader.TryReadLength([0, 0, 0, 0], 100, out _));
        Assert.Throws<MalformedMessageException>(() => FrameReader.TryReadLength("GET / HTTP/1.1"u8, FrameLimits.ControlBytes, out _));
    }

    [Fact]
    public void OnlyKnownTypesAreRead()
    {
        for (int value = 0; value <= 255; value++)
        {
            if (Enum.IsDefined((FrameType)value) && value != 0)
                Assert.Equal((FrameType)value, FrameReader.ReadType((byte)value));
            else
                Assert.Throws<MalformedMessageException>(() => FrameReader.ReadType((byte)value));
        }
    }

    [Fact]
    public void AHelloOfAnotherVersionSaysOnlyThat()
    {
        byte[] hello = All["hello"][(FrameLimits.PrefixBytes + 1)..];
        hello[5] = 9;
        Assert.Equal(9, HelloFrame.Read(hello.AsSpan(0, 6)).Version);
    }

    [Fact]
    public void ACallAheadOfItsWindowIsRefused()
    {
        Assert.Throws<MalformedMessageException>(() => CallWindow.Check(new CallSequence(5), new CallSequence(5)));
        Assert.Throws<MalformedMessageException>(() => CallWindow.Check(new CallSequence(CallWindow.MaxCalls + 1), default));
        CallWindow.Check(new CallSequence(CallWindow.MaxCalls), default);
    }

    private static byte[] Write(string name)
    {
        var output = new ArrayBufferWriter<byte>();
        byte[] empty = [0x90];
        var session = new SessionId(3);
        var sequence = new CallSequence(7);
        var seen = new CallSequence(5);
        switch (name)
        {
            case "hello": FrameWriter.Write(output, new HelloFrame(3, ConnectionRole.Control, new ClientId(1, 2), session, "root", new SessionToken(6, 7)), default); break;
            case "welcome": FrameWriter.Write(output, new WelcomeFrame(session, new SessionToken(6, 7), true, new Epoch(4), 30_000, new SessionTrust(5)), default); break;
            case "refusal": FrameWriter.Write(output, new RefusalFrame(RefusalReason.Version, 1), "no"u8); break;
            case "request": FrameWriter.Write(output, new RequestFrame(session, sequence, seen, 120, true, 1000, new CallerNumber(1001)), empty); break;
            case "reply": FrameWriter.Write(output, new ReplyFrame(sequence, ReplyStatus.Replied, default, new Epoch(4), new SessionTrust(5, true)), empty); break;
            case "reply-abort": FrameWriter.Write(output, new ReplyFrame(sequence, ReplyStatus.Aborted, new AbortCode(101), new Epoch(4), new SessionTrust(5)), default); break;
            case "ping": FrameWriter.Write(output, new PingFrame(seen), default); break;
            case "pong": FrameWriter.Write(output, default(PongFrame), default); break;
            case "goodbye": FrameWriter.Write(output, default(GoodbyeFrame), "ok"u8); break;
            case "bulk-download": FrameWriter.Write(output, new BulkDownloadFrame(1000, new CallerNumber(1001)), empty); break;
            case "bulk-upload": FrameWriter.Write(output, new BulkUploadFrame(sequence, seen, false, 1000, new CallerNumber(1001), 4096), empty); break;
            case "bulk-start": FrameWriter.Write(output, new BulkStartFrame(4096), default); break;
            case "bulk-chunk": FrameWriter.Write(output, new BulkChunkFrame(2048), [0xab, 0xcd]); break;
        }

        return output.WrittenSpan.ToArray();
    }

    private static void Read(string name, ReadOnlySpan<byte> content)
    {
        object expected = name switch
        {
            "hello" => HelloFrame.Read(content).Session,
            "welcome" => WelcomeFrame.Read(content).Session,
            "refusal" => RefusalFrame.Read(content, out _).Reason,
            "request" => RequestFrame.Read(content).Session,
            "reply" or "reply-abort" => ReplyFrame.Read(content).Epoch,
            "ping" => PingFrame.Read(content).SeenThrough,
            "pong" => PongFrame.Read(content),
            "goodbye" => GoodbyeFrame.Read(content),
            "bulk-download" => BulkDownloadFrame.Read(content).DeadlineMs,
            "bulk-upload" => BulkUploadFrame.Read(content).LengthBytes,
            "bulk-start" => BulkStartFrame.Read(content).LengthBytes,
            _ => BulkChunkFrame.Read(content).Offset,
        };
        Assert.NotNull(expected);
    }
}

using System.Buffers;
using Afs.Rpc;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>Frames of a call and of its reply, each with the message that it carries most often, to bytes and back.</summary>
public class FrameBenchmarks
{
    private const int Frames = 64;

    private readonly ArrayBufferWriter<byte> _output = new(1 << 20);
    private readonly byte[] _message = WireCodec.ToBytes(Samples.Status(99));
    private readonly byte[][] _requests = [.. Enumerable.Range(1, Frames).Select(i => Bytes(Request(i)))];
    private readonly byte[][] _replies = [.. Enumerable.Range(1, Frames).Select(i => Bytes(Reply(i)))];

    [Benchmark(OperationsPerInvoke = Frames)]
    public int WriteRequest()
    {
        _output.ResetWrittenCount();
        for (int i = 1; i <= Frames; i++)
            FrameWriter.Write(_output, Request(i), _message);
        return _output.WrittenCount;
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public ulong ParseRequest()
    {
        ulong sum = 0;
        foreach (byte[] frame in _requests)
            sum += RequestFrame.Read(Content(frame, FrameType.Request)).Sequence.Value;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public ulong ParseReply()
    {
        ulong sum = 0;
        foreach (byte[] frame in _replies)
            sum += ReplyFrame.Read(Content(frame, FrameType.Reply)).Sequence.Value;
        return sum;
    }

    private static ReadOnlySpan<byte> Content(byte[] frame, FrameType expected)
    {
        const int TypeBytes = 1;
        if (!FrameReader.TryReadLength(frame, 1 << 20, out int lengthBytes)
            || FrameReader.ReadType(frame[FrameLimits.PrefixBytes]) != expected)
            throw new InvalidOperationException("The sample is malformed.");
        return frame.AsSpan(FrameLimits.PrefixBytes + TypeBytes, lengthBytes - TypeBytes);
    }

    private static RequestFrame Request(int number) => new(
        new SessionId(0x1234_5678_9ABC), new CallSequence((ulong)number), new CallSequence(0), Operation: 3, IsRetry: false, DeadlineMs: 30_000);

    private static ReplyFrame Reply(int number) => new(
        new CallSequence((ulong)number), ReplyStatus.Replied, new AbortCode(0), new Epoch(7), default);

    private static byte[] Bytes<TFrame>(TFrame frame)
        where TFrame : struct, IFrame
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.Write(output, frame, WireCodec.ToBytes(Samples.Status(99)));
        return output.WrittenSpan.ToArray();
    }
}

using System.Buffers;
using Afs.Rpc;
using Afs.Wire;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>The generated codec: the message that nearly every reply carries, and the largest common one.</summary>
public class CodecBenchmarks
{
    private const int DirectoryEntries = 100;

    private readonly ArrayBufferWriter<byte> _output = new(1 << 20);
    private readonly FetchStatus _status = Samples.Status(99);
    private readonly FetchDirectoryReply _directory = Samples.Directory(DirectoryEntries);
    private readonly byte[] _encodedStatus = Encoded(Samples.Status(99));
    private readonly byte[] _encodedDirectory = Encoded(Samples.Directory(DirectoryEntries));

    [Benchmark]
    public int EncodeStatus() => Encode(_output, _status);

    [Benchmark]
    public FetchStatus DecodeStatus() => Decode<FetchStatus>(_encodedStatus);

    [Benchmark]
    public int EncodeDirectoryOf100() => Encode(_output, _directory);

    [Benchmark]
    public FetchDirectoryReply DecodeDirectoryOf100() => Decode<FetchDirectoryReply>(_encodedDirectory);

    private static byte[] Encoded<T>(T message)
        where T : IWireMessage<T>
    {
        var output = new ArrayBufferWriter<byte>();
        Encode(output, message);
        return output.WrittenSpan.ToArray();
    }

    private static int Encode<T>(ArrayBufferWriter<byte> output, T message)
        where T : IWireMessage<T>
    {
        output.ResetWrittenCount();
        var writer = new MessagePackWriter(output);
        T.Encode(ref writer, message);
        writer.Flush();
        return output.WrittenCount;
    }

    private static T Decode<T>(byte[] bytes)
        where T : IWireMessage<T>
    {
        var reader = new MessagePackReader(bytes);
        return T.Decode(ref reader);
    }
}

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
    private readonly byte[] _encodedStatus = WireCodec.ToBytes(Samples.Status(99));
    private readonly byte[] _encodedDirectory = WireCodec.ToBytes(Samples.Directory(DirectoryEntries));

    [Benchmark]
    public int EncodeStatus() => Encode(_output, _status);

    [Benchmark]
    public FetchStatus DecodeStatus() => WireCodec.FromBytes<FetchStatus>(_encodedStatus);

    [Benchmark]
    public int EncodeDirectoryOf100() => Encode(_output, _directory);

    [Benchmark]
    public FetchDirectoryReply DecodeDirectoryOf100() => WireCodec.FromBytes<FetchDirectoryReply>(_encodedDirectory);

    private static int Encode<T>(ArrayBufferWriter<byte> output, T message)
        where T : IWireMessage<T>
    {
        output.ResetWrittenCount();
        WireCodec.Encode(output, message);
        return output.WrittenCount;
    }
}

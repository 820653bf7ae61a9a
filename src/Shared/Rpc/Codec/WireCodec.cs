using System.Buffers;

namespace Afs.Rpc;

/// <summary>Whole messages to bytes and back: for replies that are committed with their mutation, bulk requests, and frames.</summary>
public static class WireCodec
{
    public static byte[] ToBytes<T>(T message)
        where T : IWireMessage<T>
    {
        var output = new ArrayBufferWriter<byte>(256);
        Encode(output, message);
        return output.WrittenSpan.ToArray();
    }

    public static void Encode<T>(IBufferWriter<byte> output, T message)
        where T : IWireMessage<T>
    {
        var writer = new MessagePackWriter(output);
        T.Encode(ref writer, message);
        writer.Flush();
    }

    /// <summary>Decodes exactly one message; bytes after it are malformed.</summary>
    /// <exception cref="MalformedMessageException">The bytes are malformed or past a limit.</exception>
    public static T FromBytes<T>(ReadOnlySpan<byte> bytes)
        where T : IWireMessage<T>
    {
        var reader = new MessagePackReader(bytes);
        T message = T.Decode(ref reader);
        reader.RequireEnd();
        return message;
    }
}

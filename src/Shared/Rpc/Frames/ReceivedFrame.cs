using System.Buffers;

namespace Afs.Rpc;

/// <summary>
/// A frame as it came, its content not yet read. Its array belongs to whoever received it, who calls <see cref="Dispose"/> exactly once,
/// when nothing refers to <see cref="Content"/> any more.
/// </summary>
public readonly struct ReceivedFrame(FrameType type, byte[] rented, int lengthBytes) : IDisposable
{
    /// <summary>The peer ended the connection in good order.</summary>
    public static ReceivedFrame End => default;

    public FrameType Type { get; } = type;

    public bool IsEnd => Type == FrameType.None;

    /// <summary>All that follows the type byte.</summary>
    public ReadOnlyMemory<byte> Content => rented.AsMemory(0, lengthBytes);

    /// <summary>A frame of which the content is a copy of <paramref name="content"/> in a rented array.</summary>
    public static ReceivedFrame CopyOf(FrameType type, ReadOnlySpan<byte> content)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(Math.Max(content.Length, 1));
        content.CopyTo(rented);
        return new ReceivedFrame(type, rented, content.Length);
    }

    public void Dispose()
    {
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
    }
}

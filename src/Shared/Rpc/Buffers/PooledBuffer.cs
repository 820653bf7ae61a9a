using System.Buffers;

namespace Afs.Rpc;

/// <summary>
/// A growing buffer over the array pool. Has one owner, who disposes it; only what was written is ever handed out, so bytes of an
/// array's former use can't leave.
/// </summary>
internal sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    /// <summary>An empty buffer keeps an array up to this size.</summary>
    private const int MaxKeptBytes = 4096;

    private byte[] _array = [];
    private int _written;

    public int Length => _written;

    public ReadOnlyMemory<byte> WrittenMemory => _array.AsMemory(0, _written);

    public ReadOnlySpan<byte> WrittenSpan => _array.AsSpan(0, _written);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _array.Length - _written);
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(_written);
    }

    public void Clear()
    {
        _written = 0;
        if (_array.Length > MaxKeptBytes)
            Release();
    }

    public void Dispose()
    {
        _written = 0;
        Release();
    }

    private void Reserve(int sizeHint)
    {
        int wanted = _written + Math.Max(sizeHint, 1);
        if (wanted <= _array.Length)
            return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, Math.Max(256, 2 * _array.Length)));
        _array.AsSpan(0, _written).CopyTo(larger);
        Release();
        _array = larger;
    }

    private void Release()
    {
        if (_array.Length > 0)
            ArrayPool<byte>.Shared.Return(_array);
        _array = [];
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Afs.Platform;

/// <summary>Chance that nobody foresees, whatever was drawn before: the system's cryptographic source. Safe for concurrent use.</summary>
public sealed class SecretRandom : Random
{
    public override void NextBytes(Span<byte> buffer) => RandomNumberGenerator.Fill(buffer);

    public override void NextBytes(byte[] buffer) => RandomNumberGenerator.Fill(buffer);

    public override int Next() => RandomNumberGenerator.GetInt32(int.MaxValue);

    public override int Next(int maxValue) => Next(0, maxValue);

    public override int Next(int minValue, int maxValue) => minValue == maxValue ? minValue : RandomNumberGenerator.GetInt32(minValue, maxValue);

    public override long NextInt64() => NextInt64(0, long.MaxValue);

    public override long NextInt64(long maxValue) => NextInt64(0, maxValue);

    /// <summary>What lies beyond the last whole range is drawn again, so that no value comes more often than another.</summary>
    public override long NextInt64(long minValue, long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minValue, maxValue);
        ulong range = (ulong)maxValue - (ulong)minValue;
        if (range == 0)
            return minValue;
        ulong drawn, last = ulong.MaxValue - ulong.MaxValue % range;
        do
            drawn = Draw();
        while (drawn >= last);
        return minValue + (long)(drawn % range);
    }

    public override double NextDouble() => Sample();

    public override float NextSingle() => (Draw() >> 40) * (1f / (1 << 24));

    protected override double Sample() => (Draw() >> 11) * (1.0 / (1L << 53));

    private static ulong Draw()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }
}

namespace Afs.Platform;

/// <summary>
/// What zeros behind it make of the register of a CRC32C: it is multiplied by x to the power of their bits, modulo the polynomial.
/// Registers are bit-reflected, as in zlib's crc32_combine, whose method this is (Mark Adler).
/// </summary>
internal static class Crc32CShift
{
    private const uint Polynomial = 0x82F63B78;
    private const uint One = 1u << 31;
    private const uint XToThe8 = One >> 8;

    /// <summary>x^8 to the power of 2^i.</summary>
    private static readonly uint[] Powers = MakePowers();

    public static uint Over(uint register, long zeroBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(zeroBytes);
        for (int i = 0; zeroBytes != 0; i++, zeroBytes >>= 1)
        {
            if ((zeroBytes & 1) != 0)
                register = Multiply(Powers[i], register);
        }
        return register;
    }

    /// <summary>Without branches, which nobody could predict.</summary>
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (; a != 0; a <<= 1)
        {
            product ^= b & (uint)((int)a >> 31);
            b = b >> 1 ^ Polynomial & 0 - (b & 1);
        }
        return product;
    }

    private static uint[] MakePowers()
    {
        uint[] powers = new uint[63];
        powers[0] = XToThe8;
        for (int i = 1; i < powers.Length; i++)
            powers[i] = Multiply(powers[i - 1], powers[i - 1]);
        return powers;
    }
}

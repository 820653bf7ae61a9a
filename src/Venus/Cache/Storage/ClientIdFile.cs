using System.Globalization;
using System.Text;
using Afs.Platform;
using Afs.Rpc;

namespace Afs.Venus.Cache;

/// <summary>Who this client is, at <c>client-id</c>: 32 hexadecimal digits, made once. Two daemons with one id would answer for each other.</summary>
internal static class ClientIdFile
{
    private const string Name = "client-id";
    private const int Digits = 32;

    /// <exception cref="DiskException">It can't be read or written.</exception>
    public static ClientId LoadOrMake(IDisk disk, Random random)
    {
        using IDiskFile file = disk.Open(Name, DiskOpenMode.OpenOrCreate);
        Span<byte> text = stackalloc byte[Digits];
        if (file.Read(0, text) == Digits && Parse(text) is { } known)
            return known;
        Span<byte> bytes = stackalloc byte[Digits / 2];
        random.NextBytes(bytes);
        var made = new ClientId(BitConverter.ToUInt64(bytes), BitConverter.ToUInt64(bytes[8..]));
        file.SetLength(0);
        file.Write(0, Encoding.ASCII.GetBytes(made + "\n"));
        file.Sync();
        return made;
    }

    private static ClientId? Parse(ReadOnlySpan<byte> text)
    {
        string digits = Encoding.ASCII.GetString(text);
        return ulong.TryParse(digits.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong high)
            && ulong.TryParse(digits.AsSpan(16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong low)
            ? new ClientId(high, low)
            : null;
    }
}

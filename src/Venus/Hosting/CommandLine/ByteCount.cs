using System.Globalization;

namespace Afs.Venus.Hosting;

/// <summary>Sizes as people write them: 512M, 10G, 1T, or plain bytes. Units are powers of 1024.</summary>
internal static class ByteCount
{
    private const string Units = "KMGT";

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        int unit = text.Length > 0 ? Units.IndexOf(char.ToUpperInvariant(text[^1])) : -1;
        string number = unit < 0 ? text : text[..^1];
        if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
            return false;
        int shift = 10 * (unit + 1);
        if (count > long.MaxValue >> shift)
            return false;
        bytes = count << shift;
        return true;
    }
}

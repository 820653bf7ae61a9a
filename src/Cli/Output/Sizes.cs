using System.Globalization;

namespace Afs.Cli;

/// <summary>Sizes as people read and write them. Units are powers of 1024.</summary>
internal static class Sizes
{
    private const string Units = "KMGT";
    private const int UnitBits = 10;

    public static string Format(long bytes)
    {
        double value = bytes;
        int unit = -1;
        while (Math.Abs(value) >= 1024 && unit + 1 < Units.Length)
            (value, unit) = (value / 1024, unit + 1);
        return unit < 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}iB");
    }

    /// <summary>512M, 10G, 1T, or plain bytes.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        int unit = text.Length > 0 ? Units.IndexOf(char.ToUpperInvariant(text[^1])) : -1;
        if (!long.TryParse(unit < 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long count))
            return false;
        int shift = UnitBits * (unit + 1);
        if (count > long.MaxValue >> shift)
            return false;
        bytes = count << shift;
        return true;
    }
}

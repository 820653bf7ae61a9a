using System.CommandLine.Parsing;
using System.Globalization;

namespace Afs.CommandLines;

/// <summary>Sizes as people write and read them: 512M, 10G, 1T, or plain bytes. Units are powers of 1024.</summary>
public static class ByteCount
{
    private const string Units = "KMGT";
    private const int UnitBits = 10;

    /// <summary>With one digit after the point: 1.5 GiB.</summary>
    public static string Format(long bytes)
    {
        double value = bytes;
        int unit = -1;
        while (Math.Abs(value) >= 1024 && unit + 1 < Units.Length)
            (value, unit) = (value / 1024, unit + 1);
        return unit < 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}iB");
    }

    /// <summary>False: it is no size, or more than a file can have.</summary>
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

    /// <summary>A custom parser of an option or an argument.</summary>
    public static long Parse(ArgumentResult argument) => Parse(argument, least: 0);

    /// <summary>The same, of what must be more than nothing.</summary>
    public static long ParsePositive(ArgumentResult argument) => Parse(argument, least: 1);

    private static long Parse(ArgumentResult argument, long least)
    {
        string text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
        if (TryParse(text, out long bytes) && bytes >= least)
            return bytes;
        argument.AddError($"'{text}' is no size; write e.g. 500M or 10G.");
        return 0;
    }
}

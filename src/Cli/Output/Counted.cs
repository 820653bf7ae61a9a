using System.Globalization;

namespace Afs.Cli;

/// <summary>How many of something, as people say it.</summary>
internal static class Counted
{
    /// <param name="many">How several are called; null: the noun with an s.</param>
    public static string Of(long count, string noun, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? noun : many ?? noun + "s")}");
}

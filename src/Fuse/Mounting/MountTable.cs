using System.Globalization;
using System.Text;

namespace Afs.Fuse.Mounting;

/// <summary>Reads /proc/self/mountinfo (Documentation/filesystems/proc.rst, section 3.5).</summary>
internal static class MountTable
{
    private const string Path = "/proc/self/mountinfo";

    /// <summary>The mount that is on top at a path, or null where nothing is mounted exactly there.</summary>
    public static MountTableEntry? Find(string mountPoint)
    {
        MountTableEntry? found = null;
        foreach (string line in File.ReadLines(Path))
        {
            if (Parse(line) is { } entry && entry.MountPoint == mountPoint)
            {
                found = entry;
            }
        }

        return found;
    }

    internal static MountTableEntry? Parse(string line)
    {
        string[] fields = line.Split(' ');
        int separator = Array.IndexOf(fields, "-", 5);
        if (separator < 6 || fields.Length < separator + 3)
        {
            return null;
        }

        int colon = fields[2].IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && uint.TryParse(fields[2].AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out uint minor)
            ? new MountTableEntry(Unescape(fields[4]), fields[separator + 1], minor)
            : null;
    }

    /// <summary>Blank, tab, newline and backslash stand as three octal digits after a backslash.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            bool isEscape = text[i] == '\\' && i + 3 < text.Length;
            plain.Append(isEscape ? (char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0')) : text[i]);
            i += isEscape ? 3 : 0;
        }

        return plain.ToString();
    }
}

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
        int separator = fields.Length < 6 ? -1 : Array.IndexOf(fields, "-", 6);
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
            bool isEscape = text[i] == '\\' && i + 3 < text.Length && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) && IsOctal(text[i + 3]);
            plain.Append(isEscape ? (char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0')) : text[i]);
            i += isEscape ? 3 : 0;
        }

        return plain.ToString();
    }

    private static bool IsOctal(char digit) => digit is >= '0' and <= '7';
}

/// <summary>One line of the mount table. For FUSE the device's minor number names the connection under /sys/fs/fuse/connections.</summary>
internal readonly record struct MountTableEntry(string MountPoint, string FileSystemType, uint DeviceMinor)
{
    public bool IsFuse => FileSystemType is "fuse" or "fuseblk" || FileSystemType.StartsWith("fuse.", StringComparison.Ordinal);
}

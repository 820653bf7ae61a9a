using System.Globalization;
using System.Text;
using System.Text.Json;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// <c>recovered/</c>: data of this client that could not become a file's content, each with a JSON file beside it that says what it is.
/// Nothing here is ever deleted by Venus.
/// </summary>
internal sealed class RecoveredFolder(IDisk disk, TimeProvider time, Func<Fid, byte[]?> findName)
{
    private const string Folder = "recovered", Description = ".json";

    /// <summary>NAME_MAX of Linux's filesystems (limits.h).</summary>
    private const int MostNameBytes = 255;

    /// <summary>Moves a container file here, where those who have it open go on with it. The name that it got.</summary>
    /// <exception cref="DiskException">It stays where it was.</exception>
    public string Park(ContainerId id, Fid fid, string reason)
    {
        MakeFolder();
        DateTimeOffset now = time.GetUtcNow();
        string suffix = $".{now.ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture)}.{id.Value:x}";
        (string original, string name) = NamesOf(fid, suffix);
        using (IDiskFile file = disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.ReadWrite))
            file.Sync(); // From here on nobody tries to store it: this is its only copy.
        Describe(name, new RecoveredEntry(name, original, fid.ToString(), reason, now));
        disk.Rename(ContainerFiles.NameOf(id), $"{Folder}/{name}");
        disk.SyncDirectory(Folder);
        return name;
    }

    private void MakeFolder()
    {
        disk.CreateDirectory(Folder);
        disk.SyncDirectory("."); // What is in a folder is only there while the folder is.
    }

    /// <summary>The last name of the file, and what it is called here; its description's name fits too.</summary>
    private (string Original, string Name) NamesOf(Fid fid, string suffix)
    {
        string original = SafeName.Of(findName(fid), MostNameBytes - Encoding.UTF8.GetByteCount(suffix + Description));
        return (original, original + suffix);
    }

    private void Describe(string name, RecoveredEntry entry)
    {
        using IDiskFile file = disk.Open($"{Folder}/{name}{Description}", DiskOpenMode.CreateNew);
        file.Write(0, JsonSerializer.SerializeToUtf8Bytes(entry, RecoveredEntry.Format));
        file.Sync();
    }
}

/// <summary>Names as they may stand in <c>recovered/</c>: nothing in them that a shell or a terminal would take amiss.</summary>
internal static class SafeName
{
    /// <summary>So that a name has room for a suffix within NAME_MAX of Linux's filesystems, 255 (limits.h).</summary>
    public const int MostBytes = 200;

    /// <param name="name">None where it isn't known.</param>
    public static string Of(ReadOnlySpan<byte> name, int mostBytes)
    {
        var text = new StringBuilder();
        int bytes = 0;
        foreach (Rune rune in Encoding.UTF8.GetString(name).EnumerateRunes())
        {
            Rune safe = Rune.IsLetterOrDigit(rune) || rune.Value is '-' or '_' or '.' ? rune : new Rune('_');
            bytes += safe.Utf8SequenceLength;
            if (bytes > mostBytes)
                break;
            text.Append(safe.ToString());
        }
        return text.ToString().TrimStart('.') is { Length: > 0 } readable ? readable : "unnamed";
    }
}

/// <summary>What the JSON file beside a recovered file says.</summary>
/// <param name="Name">In the recovered folder.</param>
/// <param name="Original">The last name of the file, if known, made safe for a terminal.</param>
public sealed record RecoveredEntry(string Name, string Original, string Fid, string Reason, DateTimeOffset Time)
{
    internal static readonly JsonSerializerOptions Format = new() { WriteIndented = true };
}

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
    private const string Folder = "recovered";

    /// <summary>Moves a container file here, where those who have it open go on with it. The name that it got.</summary>
    /// <exception cref="DiskException">It stays where it was.</exception>
    public string Park(ContainerId id, Fid fid, string reason)
    {
        disk.CreateDirectory(Folder);
        DateTimeOffset now = time.GetUtcNow();
        string original = Readable(findName(fid));
        string name = $"{original}.{now.ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture)}.{id.Value:x}";
        using (IDiskFile file = disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.ReadWrite))
            file.Sync(); // From here on nobody tries to store it: this is its only copy.
        Describe(name, new RecoveredEntry(name, original, fid.ToString(), reason, now));
        disk.Rename(ContainerFiles.NameOf(id), $"{Folder}/{name}");
        disk.SyncDirectory(Folder);
        return name;
    }

    private void Describe(string name, RecoveredEntry entry)
    {
        using IDiskFile file = disk.Open($"{Folder}/{name}.json", DiskOpenMode.CreateNew);
        file.Write(0, JsonSerializer.SerializeToUtf8Bytes(entry, RecoveredEntry.Format));
        file.Sync();
    }

    /// <summary>The last name of the file in this cache, with nothing that a shell or a terminal would take amiss.</summary>
    private static string Readable(byte[]? name)
    {
        if (name is null)
            return "unnamed";
        var text = new StringBuilder();
        foreach (char c in Encoding.UTF8.GetString(name).Take(100))
            text.Append(char.IsLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '_');
        return text.ToString().TrimStart('.') is { Length: > 0 } readable ? readable : "unnamed";
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A change that was answered here and refused by the server, or needed one that was.</summary>
/// <param name="Content">What a store would have stored; null: it is no store.</param>
/// <param name="MadeType">Of a create: what it would have made.</param>
internal readonly record struct ParkedChange(Change Change, DateTimeOffset Time, Failure Reason, byte[]? Content, FileType MadeType);

/// <summary>One of them as a person finds it in <see cref="RefusedTree.ListName"/>.</summary>
/// <param name="Path">From the topmost folder whose name is known here, made safe for a terminal.</param>
/// <param name="To">Of a rename or a link: the new name.</param>
/// <param name="File">Where its content or folder is kept, beside the list; null: there is none.</param>
internal sealed record RefusedEntry(string Kind, string Path, string? To, string Fid, string Reason, DateTimeOffset Time, string? File);

/// <summary>
/// Changes that were refused together, as a folder in <c>recovered/</c> that a person can read: the files and folders by the names that they would have had, and a list of all changes in their order with the reason of each.
/// </summary>
internal sealed class RefusedTree(IDisk disk, TimeProvider time, Func<Fid, byte[]?> findName)
{
    public const string Prefix = "refused.", ListName = "changes.json";
    private const string Recovered = "recovered";

    /// <summary>Above what is known; a chain of names that is longer is shown from there.</summary>
    private const int MostDepth = 64;

    /// <summary>Keeps them on stable storage. The folder's name.</summary>
    /// <exception cref="DiskException">They aren't kept.</exception>
    public string Park(IReadOnlyList<ParkedChange> changes)
    {
        disk.CreateDirectory(Recovered);
        disk.SyncDirectory("."); // What is in a folder is only there while the folder is.
        string folder = FreeFolder();
        disk.CreateDirectory($"{Recovered}/{folder}");
        var made = new HashSet<string>(StringComparer.Ordinal) { $"{Recovered}/{folder}" };
        var files = new HashSet<string>(StringComparer.Ordinal) { $"{Recovered}/{folder}/{ListName}" };
        var names = new Dictionary<Fid, (Fid Parent, ReadOnlyMemory<byte> Name)>();
        var entries = new List<RefusedEntry>(changes.Count);
        foreach (ParkedChange parked in changes)
        {
            Change change = parked.Change;
            string path = change.IsOfNames && change.Parent != default ? Join(PathOf(change.Parent, names), change.Name.Span) : PathOf(change.Object, names);
            string? to = change.NewParent != default ? Join(PathOf(change.NewParent, names), change.NewName.Span) : null;
            Note(change, names);
            string? file = null;
            if (parked.Content is { } content)
                file = Write(folder, path, content, made, files);
            else if (parked.MadeType == FileType.Directory)
                file = MakeFolder(folder, path, made, files);
            entries.Add(new RefusedEntry(change.Kind.ToString(), path, to, change.Object.ToString(), parked.Reason.ToString(), parked.Time, file));
        }
        using (IDiskFile list = disk.Open($"{Recovered}/{folder}/{ListName}", DiskOpenMode.CreateNew))
        {
            list.Write(0, JsonSerializer.SerializeToUtf8Bytes(entries, RefusedJson.Default.ListRefusedEntry));
            list.Sync();
        }
        foreach (string one in made)
            disk.SyncDirectory(one);
        disk.SyncDirectory(Recovered);
        return folder;
    }

    private string FreeFolder()
    {
        string name = Prefix + time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'.'fff", CultureInfo.InvariantCulture);
        string free = name;
        for (int count = 2; disk.Exists($"{Recovered}/{free}"); count++)
            free = $"{name}.{count}";
        return free;
    }

    /// <summary>What stands where after it, as far as these changes tell.</summary>
    private static void Note(Change change, Dictionary<Fid, (Fid Parent, ReadOnlyMemory<byte> Name)> names)
    {
        switch (change.Kind)
        {
            case ChangeKind.Create or ChangeKind.Link:
                names[change.Object] = (change.Parent, change.Name);
                break;
            case ChangeKind.Rename or ChangeKind.Exchange:
                names[change.Object] = (change.NewParent, change.NewName);
                break;
            default:
                break;
        }
    }

    private string PathOf(Fid fid, Dictionary<Fid, (Fid Parent, ReadOnlyMemory<byte> Name)> names)
    {
        var parts = new Stack<string>();
        for (int depth = 0; depth < MostDepth && names.TryGetValue(fid, out (Fid Parent, ReadOnlyMemory<byte> Name) at); depth++)
        {
            parts.Push(SafeName.Of(at.Name.Span, SafeName.MostBytes));
            fid = at.Parent;
        }
        if (findName(fid) is { } known)
            parts.Push(SafeName.Of(known, SafeName.MostBytes));
        return parts.Count == 0 ? fid.ToString().Replace('/', '_') : string.Join('/', parts);
    }

    private static string Join(string parent, ReadOnlySpan<byte> name) => $"{parent}/{SafeName.Of(name, SafeName.MostBytes)}";

    /// <summary>Where another has the name already, as a file or as the list, it gets a longer one.</summary>
    private string MakeFolder(string top, string path, HashSet<string> made, HashSet<string> files)
    {
        string full = $"{Recovered}/{top}";
        foreach (string part in path.Split('/'))
        {
            full = $"{full}/{part}";
            while (files.Contains(full))
                full += "_";
            if (made.Add(full))
                disk.CreateDirectory(full);
        }
        return full[(Recovered.Length + top.Length + 2)..];
    }

    /// <summary>A file may have had several contents: each is kept.</summary>
    private string Write(string top, string path, byte[] content, HashSet<string> made, HashSet<string> files)
    {
        int slash = path.LastIndexOf('/');
        if (slash > 0)
            path = $"{MakeFolder(top, path[..slash], made, files)}/{path[(slash + 1)..]}";
        string free = path;
        for (int count = 2; made.Contains($"{Recovered}/{top}/{free}") || !files.Add($"{Recovered}/{top}/{free}"); count++)
            free = $"{path}.{count}";
        using IDiskFile file = disk.Open($"{Recovered}/{top}/{free}", DiskOpenMode.CreateNew);
        file.Write(0, content);
        file.Sync();
        return free;
    }
}

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(List<RefusedEntry>))]
internal sealed partial class RefusedJson : JsonSerializerContext;

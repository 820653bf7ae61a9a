using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents that are too large for the metadata, each an immutable file that is never changed once it has its name. A content is
/// complete and on stable storage before the metadata refers to it, and is deleted only after the metadata no longer does; so a crash
/// leaves at worst files that nothing refers to. docs/disk-format.md.
/// </summary>
public sealed class ContentStore(IDisk disk, Epoch epoch)
{
    /// <summary>Made when a folder is first served from.</summary>
    public const string ContentFolder = "content";

    private const string UploadFolder = "uploads";
    private const int Folders = 256;
    private int _lastNumber;

    /// <summary>Makes the folders, and throws away what uploads an earlier life left.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Prepare()
    {
        disk.CreateDirectory(UploadFolder);
        for (int i = 0; i < Folders; i++)
            disk.CreateDirectory($"{ContentFolder}/{i:x2}");
        disk.SyncDirectory(ContentFolder);
        disk.SyncDirectory(".");
        foreach (string name in disk.List(UploadFolder).ToList())
            disk.Delete($"{UploadFolder}/{name}");
    }

    /// <summary>A file to write a new content into. It has no name yet that outlives a crash.</summary>
    public (ObjectId Id, IDiskFile File) Create()
    {
        ObjectId id = ObjectId.Make(epoch, (uint)Interlocked.Increment(ref _lastNumber));
        return (id, disk.Open(UploadName(id), DiskOpenMode.CreateNew));
    }

    /// <summary>The file's content is complete: it is on stable storage under its name when this returns.</summary>
    public void Keep(ObjectId id, IDiskFile file)
    {
        file.Sync();
        disk.Rename(UploadName(id), Name(id));
        disk.SyncDirectory(FolderOf(id));
    }

    /// <summary>Throws away what <see cref="Create"/> made and nobody kept.</summary>
    public void Discard(ObjectId id) => disk.Delete(UploadName(id));

    /// <summary>A file's content, as one file. It isn't inline.</summary>
    /// <exception cref="DiskException">It is missing or damaged.</exception>
    public IDiskFile Open(ContentRecord content)
    {
        IDiskFile file = content.Data is { } patch ? new BytesFile(patch) : Open(content.Object);
        if (content.Base == ObjectId.None)
            return file;
        try
        {
            return PatchedFile.Open(file, Open(content.Base), content.Base);
        }
        catch (DiskException)
        {
            file.Dispose();
            throw;
        }
    }

    public bool Exists(ObjectId id) => disk.Exists(Name(id));

    /// <summary>Who has it open reads on.</summary>
    public bool Delete(ObjectId id) => disk.Delete(Name(id));

    public DiskSpace Space() => disk.GetSpace();

    /// <summary>All contents in one of the store's folders, from 0 to 255. Files with other names are none.</summary>
    public IEnumerable<ObjectId> List(int folder)
    {
        foreach (string name in disk.List($"{ContentFolder}/{folder:x2}"))
        {
            if (ulong.TryParse(name, System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong value) && Name(new(value)) == $"{ContentFolder}/{folder:x2}/{name}")
                yield return new ObjectId(value);
        }
    }

    /// <summary>The folders' numbers.</summary>
    public static IEnumerable<int> AllFolders => Enumerable.Range(0, Folders);

    private IDiskFile Open(ObjectId id) => disk.Open(Name(id), DiskOpenMode.Read);

    private static string FolderOf(ObjectId id) => $"{ContentFolder}/{id.Value % Folders:x2}";

    private static string Name(ObjectId id) => $"{FolderOf(id)}/{id}";

    private static string UploadName(ObjectId id) => $"{UploadFolder}/{id}";
}

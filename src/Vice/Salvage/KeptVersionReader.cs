using Afs.Platform;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>
/// Gets back versions that a store replaced without having seen them (<see cref="KeptVersion"/>). May run beside a server: a version's content
/// never changes, and one that the server lets go of meanwhile is missing, not wrong.
/// </summary>
public sealed class KeptVersionReader(Func<IMetadataView> openView, ContentStore store)
{
    private const int PageEntries = 4096;
    private const int BufferBytes = 1024 * 1024;

    /// <summary>The oldest first; each with some name that the file has, or null where it has none any more.</summary>
    public IReadOnlyList<(KeptVersion Version, string? Name)> List()
    {
        using IMetadataView view = openView();
        List<KeptVersion> kept = [.. view.ReadKeptVersions().OrderBy(static k => k.KeptAt)];
        Dictionary<Fid, string> names = FindNames(view, [.. kept.Select(static k => k.Fid)]);
        return [.. kept.Select(k => (k, names.GetValueOrDefault(k.Fid)))];
    }

    /// <summary>Writes its content, and compares it with its writer's checksum.</summary>
    /// <exception cref="StorageException">The content is damaged or gone.</exception>
    public void Copy(KeptVersion version, Stream output)
    {
        var crc = new Crc32C();
        if (version.Content.Inline is { } inline)
        {
            crc.Add(inline);
            output.Write(inline);
        }
        else if (version.LengthBytes > 0)
        {
            CopyObject(version.Content, ref crc, output);
        }

        if (crc.Value != version.Crc32C)
            throw new StorageException(StorageFailure.Corrupt, $"the content of {version.Fid} at version {version.Content.Version} doesn't match its checksum");
    }

    private void CopyObject(ContentRecord content, ref Crc32C crc, Stream output)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            using IDiskFile file = store.Open(content);
            int count;
            for (long offset = 0; (count = file.Read(offset, buffer)) > 0; offset += count)
            {
                crc.Add(buffer.AsSpan(0, count));
                output.Write(buffer, 0, count);
            }
        }
        catch (DiskException e)
        {
            throw new StorageException(StorageFailure.Failed, e.Message, e);
        }
    }

    private static Dictionary<Fid, string> FindNames(IMetadataView view, HashSet<Fid> wanted)
    {
        var names = new Dictionary<Fid, string>();
        foreach (VolumeId volume in wanted.Select(static fid => fid.Volume).Distinct())
        {
            (VnodeNumber directory, byte[] after) = (new VnodeNumber(0), []);
            IReadOnlyList<EntryRecord> page;
            while ((page = view.ReadAllEntries(volume, directory, after, PageEntries)).Count > 0)
            {
                foreach (EntryRecord entry in page.Where(entry => wanted.Contains(entry.Target)))
                    names.TryAdd(entry.Target, System.Text.Encoding.UTF8.GetString(entry.Name));
                (directory, after) = (page[^1].Directory, page[^1].Name);
            }
        }

        return names;
    }
}

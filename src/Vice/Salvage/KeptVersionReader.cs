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
public sealed class KeptVersionReader(Func<IMetadataView> openView, IContentStore store)
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
    public async Task CopyAsync(KeptVersion version, Stream output)
    {
        uint crc32C = 0;
        if (version.Content.Inline is { } inline)
        {
            crc32C = Crc32C.Of(inline);
            output.Write(inline);
        }
        else if (version.LengthBytes > 0)
        {
            crc32C = await CopyObjectAsync(version.Content, output);
        }

        if (crc32C != version.Crc32C)
            throw new StorageException(StorageFailure.Corrupt, $"the content of {version.Fid} at version {version.Content.Version} doesn't match its checksum");
    }

    /// <summary>Its checksum.</summary>
    private async ValueTask<uint> CopyObjectAsync(ContentRecord record, Stream output)
    {
        var crc = new Crc32C();
        byte[] buffer = new byte[BufferBytes];
        try
        {
            await using IContent content = await store.OpenAsync(record, CancellationToken.None);
            for (long offset = 0; offset < content.LengthBytes;)
            {
                int count = (int)Math.Min(buffer.Length, content.LengthBytes - offset);
                await content.ReadAsync(offset, buffer.AsMemory(0, count), CancellationToken.None);
                crc.Add(buffer.AsSpan(0, count));
                output.Write(buffer, 0, count);
                offset += count;
            }
            return crc.Value;
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

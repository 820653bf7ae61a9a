using System.Text;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>Every name is in a directory and stands for a vnode of the type that it says. Counts names for the checks that follow.</summary>
internal static class NameCheck
{
    /// <summary>How many names there are.</summary>
    public static long Run(VolumeNodes volume)
    {
        long names = 0;
        (VnodeNumber directory, byte[] name) = (new VnodeNumber(0), []);
        IReadOnlyList<EntryRecord> page;
        while ((page = volume.View.ReadAllEntries(volume.Volume.Id, directory, name, VolumeNodes.PageRows)).Count > 0)
        {
            foreach (EntryRecord entry in page)
                Check(volume, entry);
            names += page.Count;
            (directory, name) = (page[^1].Directory, page[^1].Name);
        }
        return names;
    }

    private static void Check(VolumeNodes volume, EntryRecord entry)
    {
        VolumeId id = volume.Volume.Id;
        Action<IMetadataTransaction> delete = transaction => transaction.DeleteEntry(id, entry.Directory, entry.Name);
        if (volume.Nodes.GetValueOrDefault(entry.Directory) is not { Type: FileType.Directory } directory)
            volume.Report(ProblemKind.NameWithoutDirectory, Show(entry), delete);
        else if (!volume.Nodes.TryGetValue(entry.Target.Vnode, out VnodeNode? target) || target.Uniquifier != entry.Target.Uniquifier)
            volume.Report(ProblemKind.NameWithoutVnode, Show(entry), delete);
        else if (target.Type == FileType.Directory && target.Names > 0)
            volume.Report(ProblemKind.ManyParents, Show(entry), delete);
        else
            Count(volume, entry, directory, target);
    }

    private static void Count(VolumeNodes volume, EntryRecord entry, VnodeNode directory, VnodeNode target)
    {
        target.Names++;
        if (target.Type == FileType.Directory)
        {
            directory.Subdirectories++;
            target.NamedIn = entry.Directory;
        }
        if (target.Type != entry.Type)
            volume.Report(ProblemKind.WrongEntryType, Show(entry), transaction => transaction.PutEntry(volume.Volume.Id, entry with { Type = target.Type }));
    }

    private static string Show(EntryRecord entry) => $"'{Encoding.UTF8.GetString(entry.Name)}' in directory {entry.Directory}, for {entry.Target}";
}

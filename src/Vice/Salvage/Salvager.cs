using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>
/// Checks the data of a server that doesn't run: names, links, parents, contents. What can be put right without loss is, on demand;
/// what is nowhere in the tree gets a name in the root directory.
/// </summary>
public sealed class Salvager(IMetadataStore metadata, ContentStore store)
{
    /// <summary>A repair may bring out what another problem hid: a salvaged directory changes the root's link count.</summary>
    private const int MostPasses = 8;

    public SalvageReport Check()
    {
        using IMetadataView view = metadata.OpenView();
        List<Problem> problems = [];
        (long vnodes, long names, long contents) = (0, 0, 0);
        bool hasMore = false;
        IReadOnlyList<VolumeRecord> volumes = view.ReadVolumes();
        foreach (VolumeRecord record in volumes)
        {
            var volume = new VolumeNodes(view, record, problems);
            vnodes += volume.Nodes.Count;
            names += NameCheck.Run(volume);
            CheckRecord(volume);
            LinkCheck.Run(volume);
            contents += ContentCheck.Run(volume, store);
            hasMore |= volume.HasMore;
        }
        return new SalvageReport(volumes.Count, vnodes, names, contents, problems, hasMore);
    }

    /// <summary>Repairs what can be. The value is how many problems were put right; <see cref="Check"/> shows what is left.</summary>
    public int Repair(Random random)
    {
        int repaired = 0;
        for (int pass = 0; pass < MostPasses; pass++)
        {
            List<Problem> repairable = [.. Check().Problems.Where(problem => problem.Repair is not null)];
            if (repairable.Count == 0)
                break;
            using IMetadataTransaction transaction = metadata.BeginTransaction();
            foreach (Problem problem in repairable)
                problem.Repair!(transaction);
            Renew(transaction, random);
            transaction.Commit();
            repaired += repairable.Count;
        }
        return repaired;
    }

    /// <summary>After a restore from a backup: versions that clients know say nothing of what is here.</summary>
    public void Renew(Random random)
    {
        using IMetadataTransaction transaction = metadata.BeginTransaction();
        Renew(transaction, random);
        transaction.Commit();
    }

    /// <summary>Another incarnation for all volumes: no cache may take what it knows of one for what it has become.</summary>
    private static void Renew(IMetadataTransaction transaction, Random random)
    {
        foreach (VolumeRecord volume in transaction.ReadVolumes())
        {
            transaction.PutVolume(volume with
            {
                Incarnation = (ulong)random.NextInt64(1, long.MaxValue),
                Version = new VolumeVersion(volume.Version.Value + 1),
            });
        }
    }

    private static void CheckRecord(VolumeNodes volume)
    {
        VolumeRecord record = volume.Volume;
        if (volume.Root is not { Type: FileType.Directory })
            volume.Report(ProblemKind.NoRoot, $"volume {record.Name}", null);
        ulong highest = volume.Nodes.Keys.Select(vnode => vnode.Value).DefaultIfEmpty(0ul).Max();
        if (record.Vnodes == (ulong)volume.Nodes.Count && record.LastVnode.Value >= highest)
            return;
        volume.Report(ProblemKind.WrongVolumeFigures, $"volume {record.Name}", transaction =>
        {
            VolumeRecord current = transaction.FindVolume(record.Id)!;
            transaction.PutVolume(current with
            {
                Vnodes = (ulong)volume.Nodes.Count,
                LastVnode = new VnodeNumber(Math.Max(current.LastVnode.Value, highest)),
            });
        });
    }
}

using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes;

/// <summary>The beginning of one life of the server: the epoch is raised on stable storage before anybody is answered.</summary>
internal sealed record ServerLife(Epoch Epoch, IReadOnlyList<VolumeId> Volumes, IReadOnlyList<SessionRecord> Sessions)
{
    private const uint RootMode = 0x1ED; // 0755

    public static ServerLife Begin(IMetadataStore metadata, ViceOptions options, Random random, DateTimeOffset now)
    {
        using IMetadataTransaction transaction = metadata.BeginTransaction();
        ServerRecord server = transaction.ReadServer();
        server = server with { Epoch = new Epoch(server.Epoch.Value + 1) };
        if (server.Epoch.Value > ObjectId.MostEpoch)
            throw new StorageException(StorageFailure.Failed, $"The server was started {ObjectId.MostEpoch} times, which is the most there are numbers for.");
        transaction.PutServer(server);
        if (transaction.ReadVolumes().All(volume => volume.Name != options.VolumeName))
            CreateVolume(transaction, options, random, now);
        var life = new ServerLife(server.Epoch, [.. transaction.ReadVolumes().Select(volume => volume.Id)], transaction.ReadSessions());
        transaction.Commit();
        return life;
    }

    private static void CreateVolume(IMetadataTransaction transaction, ViceOptions options, Random random, DateTimeOffset now)
    {
        uint last = transaction.ReadVolumes().Select(volume => volume.Id.Value).DefaultIfEmpty(0u).Max();
        ulong incarnation = (ulong)random.NextInt64(1, long.MaxValue);
        var volume = new VolumeRecord(new VolumeId(last + 1), options.VolumeName, VnodeNumber.Root, new VolumeVersion(1), incarnation, Vnodes: 1);
        transaction.PutVolume(volume);
        var root = new Fid(volume.Id, VnodeNumber.Root, volume.RootUniquifier);
        var time = new Timestamp(now.ToUnixTimeSeconds(), 0);
        transaction.PutVnode(new FetchStatus
        {
            Fid = root,
            Type = FileType.Directory,
            Mode = RootMode,
            Uid = options.RootUid,
            Gid = options.RootGid,
            LengthBytes = 0,
            AllocatedBytes = 0,
            LinkCount = DirectoryRules.EmptyLinkCount,
            DataVersion = new DataVersion(1),
            StatusVersion = new StatusVersion(1),
            AccessTime = time,
            ModifyTime = time,
            ChangeTime = time,
            Parent = root,
        });
    }
}

using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Volumes as wholes.</summary>
internal sealed class VolumeReads(IMetadataStore metadata, ContentStore store)
{
    public Outcome<GetVolumeReply> Get(GetVolumeRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        VolumeRecord? volume = view.ReadVolumes().FirstOrDefault(v => v.Name == request.Name);
        if (volume is null)
            return AbortCodes.NoVolume;
        FetchStatus root = view.FindVnode(volume.Id, VnodeNumber.Root)
            ?? throw new StorageException(StorageFailure.Corrupt, $"Volume {volume.Name} has no root. Run vice salvage.");
        return new GetVolumeReply { Root = root.Fid, Version = volume.Version, Incarnation = volume.Incarnation };
    }

    public Outcome<GetVolumeStatusReply> GetStatus(GetVolumeStatusRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Volume) is not { } volume)
            return AbortCodes.NoVolume;
        DiskSpace space = store.Space();
        return new GetVolumeStatusReply { TotalBytes = space.TotalBytes, FreeBytes = space.FreeBytes, Vnodes = volume.Vnodes };
    }
}

using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>The volume rows as one transaction changes them: read once, written once, however many mutations it carries.</summary>
internal sealed class BatchVolumes(IMetadataTransaction transaction)
{
    private readonly Dictionary<VolumeId, (VolumeRecord Volume, bool IsChanged)> _volumes = [];

    public VolumeRecord? Find(VolumeId id)
    {
        if (_volumes.TryGetValue(id, out (VolumeRecord Volume, bool IsChanged) known))
            return known.Volume;
        VolumeRecord? volume = transaction.FindVolume(id);
        if (volume is not null)
            _volumes.Add(id, (volume, false));
        return volume;
    }

    public void Set(VolumeRecord volume) => _volumes[volume.Id] = (volume, true);

    public void Write()
    {
        foreach ((VolumeRecord volume, bool isChanged) in _volumes.Values)
        {
            if (isChanged)
                transaction.PutVolume(volume);
        }
    }
}

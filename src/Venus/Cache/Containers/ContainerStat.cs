using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What the disk says of a container file.</summary>
internal readonly record struct ContainerStat(long LengthBytes, long AllocatedBytes, Timestamp ModifyTime, Timestamp ChangeTime)
{
    /// <summary>
    /// Was the content touched between the two? Every write, truncation and first store into a mapped page moves ctime (stat(2), and
    /// file_update_time in the kernel); only a use of a page that is mapped and dirty already does not, see <see cref="IContainerFiles.ProtectMapped"/>.
    /// </summary>
    public bool Differs(ContainerStat other) => ChangeTime != other.ChangeTime || LengthBytes != other.LengthBytes;
}

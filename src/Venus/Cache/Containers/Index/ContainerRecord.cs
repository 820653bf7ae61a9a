using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>One row of the index.</summary>
/// <param name="Base">The version that the content is, or that its changes started from.</param>
/// <param name="Crc32C">Of the content as fetched or last stored.</param>
/// <param name="Baseline">The file as it was then: content that differs from it was changed here. A change time of zero differs always.</param>
/// <param name="BootId">The boot of the machine in which the row was written: after another one the disk may have lost writes.</param>
internal sealed record ContainerRecord(
    ContainerId Id, Fid Fid, DataVersion Base, ContainerState State, uint Crc32C, ContainerStat Baseline, string BootId);

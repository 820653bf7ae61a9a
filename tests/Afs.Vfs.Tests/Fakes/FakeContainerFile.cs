using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vfs.Tests;

/// <summary>A container of the fake cache.</summary>
internal sealed class FakeContainerFile(ContainerId id, Fid fid, DataVersion version, SafeFileHandle handle)
{
    public ContainerId Id { get; } = id;

    public Fid Fid { get; } = fid;

    public DataVersion Base { get; set; } = version;

    public SafeFileHandle Handle => IsLost ? throw new DiskException(DiskFailure.NotFound, "No such file or directory") : handle;

    /// <summary>Somebody deleted it by hand.</summary>
    public bool IsLost { get; set; }

    public IArrival? Arrival { get; set; }

    public int Uses { get; set; }

    public int Writers { get; set; }

    /// <summary>Nobody has it open for writing, but somebody may have it mapped.</summary>
    public bool MayBeMapped { get; set; }

    public int Stores { get; set; }
}

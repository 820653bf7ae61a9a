namespace Afs.Simulation;

/// <summary>What an application wrote into a file: no two are alike, so the checksum tells whose it is.</summary>
internal sealed record WrittenContent(int Id, int Client, ulong Vnode, uint Crc32C)
{
    /// <summary>All of it is in the container file; zero: not yet.</summary>
    public long WrittenAt { get; set; }

    /// <summary>The version that the change started from.</summary>
    public ulong Base { get; init; }

    /// <summary>Its close or fsync was asked for.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Its client died before all of it was written: what there was of it then may become a version.</summary>
    public bool WasInterrupted { get; set; }

    /// <summary>Its close or fsync told of success.</summary>
    public bool IsStored { get; set; }

    /// <summary>Its close or fsync told of success; what is written behind is not stored by that.</summary>
    public bool WasTold { get; set; }

    /// <summary>The power of its machine failed before that.</summary>
    public bool MayBeLost { get; set; }
}

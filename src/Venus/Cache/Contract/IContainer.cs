using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>Names one container file in one cache directory, for ever.</summary>
public readonly record struct ContainerId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// One pinned use of a container file: the cached copy of one version of a file's content. Reads and writes go straight to
/// <see cref="Handle"/>, by the kernel (passthrough) or by Vfs. The container, several uses of which may be open, is changed in place by writers of
/// this client only; a newer version from the server is another container.
/// Dispose ends this use; the last one that wrote leads to one more look whether there is something to store (a mapping may have
/// written after the last close).
/// </summary>
public interface IContainer : IDisposable
{
    ContainerId Id { get; }

    Fid Fid { get; }

    /// <summary>The version of the server that the content is, or that its changes started from.</summary>
    DataVersion BaseVersion { get; }

    /// <summary>Open for reading and writing; owned by the container.</summary>
    SafeFileHandle Handle { get; }

    /// <summary>Null: all of the content is there. Else it is still coming, or was when this use began; only for reading.</summary>
    IArrival? Arrival { get; }

    /// <summary>
    /// A process of this client may change it, with or without the daemon's knowledge: it is open for writing, or was and may be mapped still.
    /// Once false it stays so until the next open for writing.
    /// </summary>
    bool MayBeWritten { get; }

    /// <summary>
    /// Length, allocated bytes and times by the container file itself, where its content was changed since it was fetched or stored, or
    /// this client has it open for writing. False: the server's status holds.
    /// </summary>
    bool TryGetLocalStatus(out LocalStatus status);

    /// <summary>
    /// Stores the content if it changed since it was fetched or last stored; at FLUSH and fsync. Idempotent; concurrent calls share one store.
    /// A failure stays: every later call tries again and tells.
    /// </summary>
    ValueTask<Failure> StoreAsync(bool killSetId, CancellationToken cancellation);
}

/// <summary>What the container file itself says.</summary>
/// <param name="ChangeTime">Null where nothing is known to be changed: the file's own tells what the daemon did to it, and the server's holds.</param>
public readonly record struct LocalStatus(long LengthBytes, long AllocatedBytes, Timestamp ModifyTime, Timestamp? ChangeTime);

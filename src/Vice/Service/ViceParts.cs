using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>What a server stands on, real or made for a test.</summary>
public sealed record ViceParts
{
    public required IMetadataStore Metadata { get; init; }

    /// <summary>The folder of contents.</summary>
    public required IDisk Disk { get; init; }

    /// <summary>Its timestamps go on while the machine sleeps.</summary>
    public required TimeProvider Time { get; init; }

    public required Random Random { get; init; }

    public required IBlockingWork Work { get; init; }

    /// <summary>Something waits for <see cref="ViceServer.Committer"/>. Called on any thread; must not wait.</summary>
    public required Action WakeCommitter { get; init; }

    /// <summary>Only where the service has no other caller than the Rpc layer, which sends the reply and is done.</summary>
    public bool LoneCallersGoOnAtCommit { get; init; }

    /// <summary>How a client is called over its channel.</summary>
    public required Func<IRpcChannel, IVenusCallbacks> Callbacks { get; init; }

    public required ILogger Log { get; init; }
}

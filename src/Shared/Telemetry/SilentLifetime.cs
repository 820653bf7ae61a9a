using Microsoft.Extensions.Hosting;

namespace Afs.Telemetry;

/// <summary>A host that handles no signal and says nothing: it lives and ends with the daemon.</summary>
internal sealed class SilentLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

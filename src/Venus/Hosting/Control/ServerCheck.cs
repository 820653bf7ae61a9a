using System.Diagnostics;
using Afs.Rpc;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Hosting;

/// <summary>Asks the file server how it is, and measures how long the answer takes.</summary>
internal static class ServerCheck
{
    private const int DefaultTimeoutMs = 3_000, MostTimeoutMs = 60_000;

    public static async Task<ControlReply> RunAsync(MountSettings settings, ViceConnection server, int timeoutMs, CancellationToken cancellation)
    {
        var deadline = TimeSpan.FromMilliseconds(timeoutMs is > 0 and <= MostTimeoutMs ? timeoutMs : DefaultTimeoutMs);
        long begun = Stopwatch.GetTimestamp();
        Outcome<GetServerStatusReply> outcome = await server.Vice.GetServerStatusAsync(
            new GetServerStatusRequest(), new CallContext { Deadline = deadline, Cancellation = cancellation });
        var report = new ServerReport { MountPoint = settings.MountPoint, Server = settings.Server.Endpoint.ToString()!, IsUp = outcome.IsReply };
        if (!outcome.IsReply)
        {
            report = report with { Trouble = server.Trouble ?? $"no answer within {deadline.TotalSeconds} s" };
            return new ControlReply { Code = ExitCode.ServerUnreachable, Message = $"{report.Server}: {report.Trouble}", Server = report };
        }
        return new ControlReply
        {
            Server = report with
            {
                RoundTripMs = Math.Round(Stopwatch.GetElapsedTime(begun).TotalMilliseconds, 3),
                Version = outcome.Value.Version,
                Epoch = outcome.Value.Epoch,
                UptimeMs = outcome.Value.UptimeMs,
            },
        };
    }
}

using System.Diagnostics;
using Afs.Wire;

namespace Afs.Bench.Vice.Clients;

/// <summary>One run with a number of clients against one server. Each makes one call at a time, as an application does that waits for its file.</summary>
public sealed class ClientsRun(ClientsOptions options)
{
    /// <summary>Of a server with default options. Probing more often than a longer lease needs does no harm.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private const int Breaks = 5;
    private const int StatusesPerCall = 100;
    private const int CallsAtOnce = 64;
    private const int LeastFiles = 1000;

    private readonly ServerMeter _server = new(options.Process);

    public async Task<ClientsFigures> RunAsync(CancellationToken cancellation)
    {
        await using var maker = new LoadClient(options.Server);
        SharedFiles folder = await SharedFiles.InNewFolderAsync(maker);
        StoredFile[] shared = await folder.MakeAsync("shared", Math.Max(LeastFiles, options.PromisesPerClient), cancellation);
        StoredFile[] own = await folder.MakeAsync("own", options.Clients, cancellation);

        var clock = Stopwatch.StartNew();
        await using ClientFleet fleet = await ClientFleet.ConnectAsync(options.Server, options.Clients, Lease, cancellation);
        double connectSeconds = clock.Elapsed.TotalSeconds;

        byte[] content = new byte[SharedFiles.ContentBytes];
        CallFigures reads = await MeasureAsync((client, i) => fleet.All[client].ReadAsync(shared[i % shared.Length].Fid), cancellation);
        CallFigures statuses = await MeasureAsync((client, i) => fleet.All[client].PromiseAsync([shared[i % shared.Length].Fid]), cancellation);
        CallFigures stores = await MeasureAsync((client, _) => own[client].StoreAsync(fleet.All[client], content), cancellation);
        double breakMs = await BreakAsync(fleet, maker, shared[0], cancellation);
        await PromiseAsync(fleet, [.. shared.Take(options.PromisesPerClient).Select(static file => file.Fid)], cancellation);
        long promises = (long)options.Clients * options.PromisesPerClient;
        return new ClientsFigures(options.Clients, connectSeconds, reads, statuses, stores, breakMs, promises, _server.ResidentBytes());
    }

    /// <param name="call">Gets the client's number and the number of the call.</param>
    private async Task<CallFigures> MeasureAsync(Func<int, int, Task> call, CancellationToken cancellation)
    {
        double cpuBefore = _server.CpuSeconds();
        long? bytesBefore = options.WireBytes?.Invoke();
        (Latencies latencies, double seconds) = await CallLoop.RunAsync(options.Clients, options.Time, call, cancellation);
        return new CallFigures(
            latencies.Count / seconds,
            latencies.MedianMs,
            latencies.At(0.99),
            (_server.CpuSeconds() - cpuBefore) * 1e6 / latencies.Count,
            (double?)(options.WireBytes?.Invoke() - bytesBefore) / latencies.Count);
    }

    private static async Task<double> BreakAsync(ClientFleet fleet, LoadClient writer, StoredFile file, CancellationToken cancellation)
    {
        List<double> tookMs = [];
        for (int round = 0; round < Breaks; round++)
        {
            await PromiseAsync(fleet, [file.Fid], cancellation);
            long start = Stopwatch.GetTimestamp();
            await file.StoreAsync(writer, new byte[SharedFiles.ContentBytes]);
            tookMs.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return new Latencies(tookMs).MedianMs;
    }

    /// <summary>Lets every client hold a promise on each of the files.</summary>
    private static Task PromiseAsync(ClientFleet fleet, Fid[] files, CancellationToken cancellation)
    {
        var limit = new ParallelOptions { MaxDegreeOfParallelism = CallsAtOnce, CancellationToken = cancellation };
        return Parallel.ForEachAsync(fleet.All, limit, async (client, _) =>
        {
            foreach (Fid[] some in files.Chunk(StatusesPerCall))
                await client.PromiseAsync(some);
        });
    }
}

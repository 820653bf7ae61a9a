using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;
using Afs.Bench.Vice.Clients;
using Afs.Rpc;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// Simulated clients against one server, without mounts: each has a connection, a session and a lease, and one call under way at a time.
/// Clients and server share the machine's processors. The server is fresh for each number of clients.
/// </summary>
public sealed class ClientsWorkload(WorkContext context) : Workload(context)
{
    private static readonly TimeSpan TimePerCall = TimeSpan.FromSeconds(2);

    public override string Name => "clients";

    public override string About => "many simulated clients against one server: rates, latencies, processor time, memory";

    public override void Run(Place place, Recorder record)
    {
        if (place.Name != Place.CellName)
            return;
        foreach (int count in Context.Sizes.ClientCounts)
            Record(record, RunAsync(count).GetAwaiter().GetResult());
    }

    private async Task<ClientsFigures> RunAsync(int count)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Context.Scratch, $"clients-{count}")).FullName;
        try
        {
            using var server = new ViceServer(Context.ViceProgram, folder, overUnixSocket: false);
            Func<long>? wireBytes = LoopbackTraffic.IsOwn ? LoopbackTraffic.ReadBytes : null;
            var options = new ClientsOptions(
                RpcEndpoint.Parse(server.Address), server.Daemon.Process, count, TimePerCall, Context.Sizes.PromisesPerClient, wireBytes);
            return await new ClientsRun(options).RunAsync(CancellationToken.None);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Record(Recorder record, ClientsFigures figures)
    {
        string clients = figures.Clients == 1 ? "1 client" : $"{figures.Clients} clients";
        Record(record, $"{clients}: read of 4 KiB", figures.Reads);
        Record(record, $"{clients}: status", figures.Statuses);
        Record(record, $"{clients}: store of 4 KiB", figures.Stores);
        record.Add(new Measure($"{clients}: store of a file on which all hold a promise"), figures.BreakMs / 1000);
        record.Add(new Measure($"{clients}: memory of the server with {figures.Promises} promises", Unit.Bytes), figures.ResidentBytes);
    }

    private static void Record(Recorder record, string call, CallFigures figures)
    {
        record.Add(new Measure($"{call}, rate", Unit.PerSecond), figures.PerSecond);
        record.Add(new Measure($"{call}, median"), figures.MedianMs / 1000);
        record.Add(new Measure($"{call}, 99th percentile"), figures.P99Ms / 1000);
        record.Add(new Measure($"{call}, server CPU"), figures.ServerCpuUs / 1e6);
        if (figures.WireBytes is { } bytes)
            record.Add(new Measure($"{call}, bytes on the wire", Unit.Bytes), bytes);
    }
}

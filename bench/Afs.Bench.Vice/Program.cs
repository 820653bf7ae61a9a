using System.CommandLine;
using System.Diagnostics;
using Afs.Bench.Vice;
using Afs.Bench.Vice.Clients;
using Afs.Rpc;

var server = new Option<string>("--server") { Required = true, Description = "HOST:PORT or unix:/path of a running vice serve." };
var callers = new Option<int>("--callers") { Description = "Calls under way at once.", DefaultValueFactory = _ => 1 };
var seconds = new Option<int>("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 5 };
var count = new Option<int>("--vnodes") { Description = "How many to make.", DefaultValueFactory = _ => 1_000_000 };

var creates = new Command("creates", "Creates files in one directory as fast as they are acknowledged.") { server, callers, seconds };
creates.SetAction((parsed, cancellation) => Load.CreatesAsync(
    RpcEndpoint.Parse(parsed.GetValue(server)!), parsed.GetValue(callers), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));
var stores = new Command("stores", "Creates files and stores 4 KiB in each.") { server, callers, seconds };
stores.SetAction((parsed, cancellation) => Load.StoresAsync(
    RpcEndpoint.Parse(parsed.GetValue(server)!), parsed.GetValue(callers), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));
var statuses = new Command("statuses", "Fetches the statuses of files, one a call.") { server, callers, seconds };
statuses.SetAction((parsed, cancellation) => Load.StatusesAsync(
    RpcEndpoint.Parse(parsed.GetValue(server)!), parsed.GetValue(callers), TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));
var fill = new Command("fill", "Makes many files in directories of 1,000, then lists all of them with their statuses.") { server, callers, count };
fill.SetAction((parsed, cancellation) => Load.FillAsync(
    RpcEndpoint.Parse(parsed.GetValue(server)!), parsed.GetValue(callers), parsed.GetValue(count), cancellation));

var megabytes = new Option<int>("--megabytes") { Description = "How much.", DefaultValueFactory = _ => 1024 };
var transfer = new Command("transfer", "Uploads a content, makes it a file's, downloads it and compares checksums.") { server, megabytes };
transfer.SetAction((parsed, cancellation) => Transfer.RunAsync(
    RpcEndpoint.Parse(parsed.GetValue(server)!), parsed.GetValue(megabytes) * 1024L * 1024, cancellation));

var clientCount = new Option<int>("--clients") { Description = "How many, each with a connection and a session.", DefaultValueFactory = _ => 1000 };
var process = new Option<int>("--server-process") { Required = true, Description = "The server's process id, on this machine." };
var promises = new Option<int>("--promises") { Description = "On how many files each client holds a promise in the end.", DefaultValueFactory = _ => 100 };
var clients = new Command("clients", "Many clients that read, look, store and are called back: rates, latencies, the server's processor time and memory.")
{
    server, process, clientCount, promises, seconds,
};
clients.SetAction(async (parsed, cancellation) =>
{
    using var serving = Process.GetProcessById(parsed.GetValue(process));
    ClientsFigures figures = await new ClientsRun(new ClientsOptions(
        RpcEndpoint.Parse(parsed.GetValue(server)!),
        serving,
        parsed.GetValue(clientCount),
        TimeSpan.FromSeconds(parsed.GetValue(seconds)),
        parsed.GetValue(promises))).RunAsync(cancellation);
    Console.WriteLine($"{figures.Clients} clients connected in {figures.ConnectSeconds:f1} s");
    Console.WriteLine($"reads of 4 KiB: {figures.Reads}");
    Console.WriteLine($"statuses: {figures.Statuses}");
    Console.WriteLine($"stores of 4 KiB: {figures.Stores}");
    Console.WriteLine($"a store that calls all of them back: {figures.BreakMs:f1} ms");
    Console.WriteLine($"{figures.Promises:n0} promises; the server has {figures.ResidentBytes >> 20} MiB resident");
});

return await new RootCommand("Loads a file server over its own protocol, without a mount.") { creates, stores, statuses, fill, transfer, clients }.Parse(args).InvokeAsync();

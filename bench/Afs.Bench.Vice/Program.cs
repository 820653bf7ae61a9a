using System.CommandLine;
using Afs.Bench.Vice;
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

return await new RootCommand("Loads a file server over its own protocol, without a mount.") { creates, stores, statuses, fill, transfer }.Parse(args).InvokeAsync();

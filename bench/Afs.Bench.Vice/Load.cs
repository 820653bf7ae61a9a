using System.Diagnostics;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Bench.Vice;

/// <summary>The loads. Each prints one line, of what was done and how fast.</summary>
internal static class Load
{
    private const int FilesPerDirectory = 1000;
    private const int ContentBytes = 4096;

    public static async Task CreatesAsync(RpcEndpoint server, int callers, TimeSpan time, CancellationToken cancellation)
    {
        await using var client = new LoadClient(server);
        Fid directory = await client.CreateAsync(await client.RootAsync(), $"creates-{Environment.ProcessId}", FileType.Directory);
        await RunAsync("creates", callers, time, i => client.CreateAsync(directory, $"f{i}", FileType.Regular), cancellation);
    }

    public static async Task StoresAsync(RpcEndpoint server, int callers, TimeSpan time, CancellationToken cancellation)
    {
        await using var client = new LoadClient(server);
        Fid directory = await client.CreateAsync(await client.RootAsync(), $"stores-{Environment.ProcessId}", FileType.Directory);
        byte[] content = new byte[ContentBytes];
        await RunAsync("creates with a store of 4 KiB", callers, time, StoreAsync, cancellation);

        async Task StoreAsync(int i) =>
            await new StoredFile(await client.CreateAsync(directory, $"f{i}", FileType.Regular)).StoreAsync(client, content);
    }

    public static async Task StatusesAsync(RpcEndpoint server, int callers, TimeSpan time, CancellationToken cancellation)
    {
        await using var client = new LoadClient(server);
        Fid directory = await client.CreateAsync(await client.RootAsync(), $"statuses-{Environment.ProcessId}", FileType.Directory);
        Fid[] files = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => client.CreateAsync(directory, $"f{i}", FileType.Regular)));
        await RunAsync("statuses", callers, time, i => client.PromiseAsync([files[i % files.Length]]), cancellation);
    }

    public static async Task FillAsync(RpcEndpoint server, int callers, int vnodes, CancellationToken cancellation)
    {
        await using var client = new LoadClient(server);
        Fid root = await client.RootAsync();
        var clock = Stopwatch.StartNew();
        List<Fid> directories = [];
        for (int first = 0; first < vnodes; first += FilesPerDirectory)
        {
            Fid directory = await client.CreateAsync(root, $"d{first}-{Environment.ProcessId}", FileType.Directory);
            directories.Add(directory);
            int next = -1;
            await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => MakeAsync()));

            async Task MakeAsync()
            {
                for (int i = Interlocked.Increment(ref next); i < FilesPerDirectory; i = Interlocked.Increment(ref next))
                    await client.CreateAsync(directory, $"file{i}", FileType.Regular);
            }
            cancellation.ThrowIfCancellationRequested();
        }
        Console.WriteLine($"{vnodes} files made in {clock.Elapsed.TotalSeconds:f1} s, {vnodes / clock.Elapsed.TotalSeconds:n0} a second");

        clock.Restart();
        foreach (Fid directory in directories)
            await client.Vice.FetchDirectoryAsync(new FetchDirectoryRequest { Directory = directory, MostEntries = FilesPerDirectory, WithStatus = true }, default);
        Console.WriteLine($"{vnodes} statuses listed in {clock.Elapsed.TotalSeconds:f1} s");
    }

    private static async Task RunAsync(string what, int callers, TimeSpan time, Func<int, Task> call, CancellationToken cancellation)
    {
        (Latencies all, double seconds) = await CallLoop.RunAsync(callers, time, (_, i) => call(i), cancellation);
        Console.WriteLine(
            $"{what}, {callers} callers: {all.Count / seconds:n0} a second, median {all.MedianMs:f2} ms, 99th percentile {all.At(0.99):f2} ms");
    }
}

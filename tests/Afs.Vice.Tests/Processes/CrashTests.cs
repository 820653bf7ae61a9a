using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Tests.Processes;

/// <summary>The real server is killed under load. Nothing acknowledged is lost, and nothing runs twice.</summary>
public sealed class CrashTests : IDisposable
{
    private const int Kills = 6;
    private const int Clients = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("vice-crash-").FullName;
    private readonly int[] _progress = new int[Clients];

    [Fact]
    public async Task Killed_again_and_again_it_loses_nothing_and_does_nothing_twice()
    {
        string endpoint = $"unix:{_folder}/socket";
        ViceProcess server = await ViceProcess.ServeAsync(_folder, "--listen", endpoint, "--lease-ms", "1000");
        ProcessClient[] clients = [.. Enumerable.Range(1, Clients).Select(i => new ProcessClient(endpoint, (ulong)i))];
        using var stop = new CancellationTokenSource();
        Task<List<Done>>[] loads = [.. clients.Select((client, i) => LoadAsync(client, i, stop.Token))];
        var random = new Random(5);
        for (int kill = 0; kill < Kills; kill++)
        {
            int[] before = [.. _progress];
            await Eventually.BecomesTrueAsync(() => _progress.Zip(before).All(pair => pair.First > pair.Second) || loads.Any(load => load.IsCompleted));
            await Task.Delay(random.Next(0, 300));
            server.Kill();
            await server.EndAsync();
            server.Dispose();
            server = await ViceProcess.ServeAsync(_folder, "--listen", endpoint, "--lease-ms", "1000");
        }
        await stop.CancelAsync();
        List<Done>[] done = await Task.WhenAll(loads);
        Assert.All(done, list => Assert.NotEmpty(list));
        await VerifyAsync(clients[0], done);
        foreach (ProcessClient client in clients)
            await client.DisposeAsync();

        server.Terminate();
        Assert.Equal(0, (await server.EndAsync()).Code);
        server.Dispose();
        using ViceProcess salvage = ViceProcess.Start("salvage", "--data", Path.Combine(_folder, "data"));
        (int code, string output, _) = await salvage.EndAsync();
        Assert.Equal((0, true), (code, output.Contains("\n0 problems")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Creates, stores and renames. A create that ran twice would answer NameExists, a rename NameNotFound, a store would skip a version.</summary>
    private async Task<List<Done>> LoadAsync(ProcessClient client, int number, CancellationToken stop)
    {
        List<Done> done = [];
        Fid directory = (await client.CreateAsync(await client.RootAsync(), $"c{number}", FileType.Directory)).Value.Status.Fid;
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            Outcome<CreateReply> created = await client.CreateAsync(directory, $"{i}");
            Assert.True(created.IsReply, $"create: {created.Kind} {created.Abort}");
            Fid fid = created.Value.Status.Fid;
            Outcome<StoreDataReply> stored = await client.StoreAsync(fid, 1, BitConverter.GetBytes(i));
            Assert.True(stored.IsReply, $"store: {stored.Kind} {stored.Abort}");
            Assert.Equal((new DataVersion(2), false), (stored.Value.Status.DataVersion, stored.Value.ReplacedUnseen));
            Outcome<RenameReply> renamed = await client.RenameAsync(directory, $"{i}", $"{i}.done");
            Assert.True(renamed.IsReply, $"rename: {renamed.Kind} {renamed.Abort}");
            done.Add(new Done(directory, $"{i}.done", fid, i));
            Interlocked.Increment(ref _progress[number]);
        }
        return done;
    }

    private static async Task VerifyAsync(ProcessClient client, List<Done>[] done)
    {
        foreach (List<Done> list in done)
        {
            Dictionary<string, Fid> names = await client.ListAsync(list[0].Directory);
            Assert.Equal(list.Count, names.Count);
            foreach (Done one in list)
            {
                Assert.Equal(one.Fid, names[one.Name]);
                FetchDataReply data = (await client.Vice.FetchDataAsync(new FetchDataRequest { Fid = one.Fid }, default)).Value;
                Assert.Equal(one.Value, BitConverter.ToInt32(data.Content));
            }
        }
    }

    private sealed record Done(Fid Directory, string Name, Fid Fid, int Value);
}

using System.Diagnostics;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Run by hand: it takes a minute. <c>Afs.Venus.Tests.dll -class Afs.Venus.Tests.FootprintTests -explicit on -showLiveOutput</c></summary>
public class FootprintTests(ITestOutputHelper output)
{
    private const int Folders = 100, FilesPerFolder = 1000;

    [Fact(Explicit = true)]
    public async Task AHundredThousandCachedFiles()
    {
        var volume = new MemoryVolume();
        var fids = new List<Fid>();
        await using (TestClient maker = await TestClient.OpenAsync(volume))
        {
            for (int i = 0; i < Folders; i++)
            {
                Fid folder = await maker.CreateAsync($"folder{i}", type: FileType.Directory);
                for (int j = 0; j < FilesPerFolder; j++)
                    fids.Add(await maker.CreateAsync($"some-file-name-{j}.txt", folder));
            }
            foreach (Fid fid in fids)
            {
                MemoryVnode vnode = volume.Find(fid)!;
                vnode.Content = "x"u8.ToArray();
                vnode.Status = vnode.Status with { LengthBytes = 1, ContentCrc32C = Crc32C.Of(vnode.Content), StatusVersion = vnode.Status.StatusVersion.Next };
            }
        }
        long before = Managed();
        await using TestClient client = await TestClient.OpenAsync(volume);
        var time = Stopwatch.StartNew();
        for (int i = 0; i < Folders; i++)
            await client.ListAsync(await client.LookupAsync($"folder{i}"));
        foreach (Fid fid in fids)
            await client.ReadAsync(fid);
        output.WriteLine($"{fids.Count} files fetched in {time.ElapsedMilliseconds} ms; {(Managed() - before) >> 20} MB more managed memory; "
            + $"{Environment.WorkingSet >> 20} MB resident with the server in the same process");
        Report(client, fids);
        client.Server.Session++;
        time.Restart();
        int calls = client.Server.Stub.Count;
        client.Server.Connect();
        await client.Manager.RevalidateNowAsync();
        output.WriteLine($"revalidated in {time.ElapsedMilliseconds} ms, {client.Server.Stub.Count - calls} calls");
        Assert.All(fids, fid => Assert.True(client.Manager.Statuses.TryGet(fid, out _)));
    }

    private void Report(TestClient client, List<Fid> fids)
    {
        int calls = client.Server.Stub.Count;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        var time = Stopwatch.StartNew();
        foreach (Fid fid in fids)
            Assert.True(client.Manager.Statuses.TryGet(fid, out _));
        output.WriteLine($"TryGet of a status: {time.Elapsed.TotalNanoseconds / fids.Count:f0} ns, {GC.GetAllocatedBytesForCurrentThread() - allocated} bytes");
        time.Restart();
        foreach (Fid fid in fids)
        {
            Assert.True(client.Manager.Contents.TryOpenForReading(fid, proven: null, out IContainer container));
            container.Dispose();
        }
        output.WriteLine($"open and close of a cached file: {time.Elapsed.TotalMicroseconds / fids.Count:f1} us");
        Assert.Equal(calls, client.Server.Stub.Count);
    }

    private static long Managed() => GC.GetTotalMemory(forceFullCollection: true);
}

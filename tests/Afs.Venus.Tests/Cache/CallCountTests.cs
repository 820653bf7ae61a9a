using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What costs a call, and what doesn't.</summary>
public class CallCountTests
{
    [Fact]
    public async Task ReopeningAThousandCachedFiles_CostsNoCall()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        var fids = new List<Fid>();
        for (int i = 0; i < 1000; i++)
        {
            fids.Add(await a.CreateAsync($"f{i:d4}"));
            await a.WriteAsync(fids[i], $"content {i}");
        }
        foreach (Fid fid in fids)
            await b.ReadAsync(fid);
        int calls = b.Server.Stub.Count;
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(fids[i], await LookupTwice(b, $"f{i:d4}", ref calls));
            Assert.True(b.Manager.Statuses.TryGet(fids[i], out _));
            Assert.True(b.Manager.Contents.TryOpenForReading(fids[i], proven: null, out IContainer container));
            Assert.Equal($"content {i}", System.Text.Encoding.UTF8.GetString(TestClient.ReadAll(container)));
            container.Dispose();
        }
        Assert.Equal(calls, b.Server.Stub.Count);
    }

    [Fact]
    public async Task AColdOpenOfASmallFileWhoseStatusCameWithTheDirectory_IsOneCall()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "small");
        await b.LookupAsync("f");
        Assert.True(b.Manager.Statuses.TryGet(fid, out _));
        int calls = b.Server.Stub.Count;
        Assert.Equal("small", await b.ReadAsync(fid));
        Assert.Equal(calls + 1, b.Server.Stub.Count);
    }

    [Fact]
    public async Task CreateWriteClose_IsTwoCalls_AndTheDirectoryStaysCached()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await a.ListAsync();
        int calls = a.Server.Stub.Count;
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        Assert.Equal(fid, await a.LookupAsync("f"));
        Assert.Equal(["f"], await a.ListAsync());
        Assert.Equal(calls + 2, a.Server.Stub.Count);
    }

    [Fact]
    public async Task TruncatingOpen_AndAnEmptyFile_FetchNothing()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f"), empty = await a.CreateAsync("e");
        await a.WriteAsync(fid, new string('x', 200_000));
        await b.ListAsync();
        await b.WriteAsync(fid, "short");
        Assert.Equal("", await b.ReadAsync(empty));
        Assert.Equal(0, b.Server.Stub.CountOf("FetchData"));
        Assert.Equal(0, b.Server.Stub.CountOf("Download"));
        Assert.Equal("short", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task ATruncatingOpenWithoutAWrite_IsAChange()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "full");
        using (IContainer container = await b.OpenAsync(fid, forWriting: true, truncate: true))
            Assert.Equal(Failure.None, await container.StoreAsync(false, default));
        Assert.Equal("", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task FlushWithoutAChange_StoresNothing()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        using IContainer container = await a.OpenAsync(fid, forWriting: true);
        Assert.Equal(Failure.None, await container.StoreAsync(false, default));
        Assert.Equal(Failure.None, await container.StoreAsync(false, default));
        Assert.Equal(1, a.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task PrefetchOfThousandStatuses_IsOneCall()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        var fids = new List<Fid>();
        for (int i = 0; i < 1000; i++)
            fids.Add(await a.CreateAsync($"f{i}"));
        Assert.Equal(Failure.None, await b.Manager.Statuses.PrefetchAsync(fids, default));
        Assert.Equal(1, b.Server.Stub.CountOf("FetchStatus"));
        Assert.All(fids, fid => Assert.True(b.Manager.Statuses.TryGet(fid, out _)));
    }

    /// <summary>The first look-up of all loads the directory; it isn't counted.</summary>
    private static Task<Fid?> LookupTwice(TestClient client, string name, ref int calls)
    {
        if (client.Server.Stub.CountOf("FetchDirectory") == 0)
        {
            client.LookupAsync(name).GetAwaiter().GetResult();
            calls = client.Server.Stub.Count;
        }
        return client.LookupAsync(name);
    }
}

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

    /// <summary>A reply holds as many statuses as fit it. One that answers none would never end.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 10)]
    [InlineData(3, 4)]
    [InlineData(10, 1)]
    public async Task StatusesThatDidNotFitAReply_AreAskedForAgain(int mostInAReply, int calls)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        var fids = new List<Fid>();
        for (int i = 0; i < 10; i++)
            fids.Add(await a.CreateAsync($"f{i}"));
        b.Server.Stub.MostStatuses = mostInAReply;
        int before = b.Server.Stub.CountOf("FetchStatus");
        Failure failure = await b.Manager.Statuses.PrefetchAsync(fids, default);
        Assert.Equal(mostInAReply == 0 ? FailureKind.ServerMisbehaved : Failure.None, failure);
        Assert.Equal(mostInAReply == 0 ? 0 : 10, fids.Count(fid => b.Manager.Statuses.TryGet(fid, out _)));
        Assert.Equal(before + calls, b.Server.Stub.CountOf("FetchStatus"));
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
    public async Task WhatTarSetsBeforeItCloses_GoesWithTheContent()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        var past = new Timestamp(1_000_000, 123_456_789);
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "content"u8, 0);
            FetchStatus status = volume.StatusOf(fid)!;
            var request = new StoreStatusRequest { Fid = fid, Fields = StatusFields.ModifyTime, ModifyTime = past, ChangeTime = a.Manager.Operations.Now };
            await SetAsync(a, request);
            await SetAsync(a, request with { Fields = StatusFields.Uid | StatusFields.Gid | StatusFields.KillSetId, Uid = status.Uid, Gid = status.Gid });
            await SetAsync(a, request with { Fields = StatusFields.Mode, Mode = status.Mode });
            Assert.Equal(0, a.Server.Stub.CountOf("StoreStatus"));
            Assert.True(container.TryGetLocalStatus(out LocalStatus local));
            Assert.Equal(past, local.ModifyTime);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal(past, volume.StatusOf(fid)!.ModifyTime);
        Assert.Equal(1, a.Server.Stub.CountOf("StoreData"));
    }

    [Theory]
    [InlineData(StatusFields.ModifyTime | StatusFields.AccessTime, true)]
    [InlineData(StatusFields.Mode, true)]
    [InlineData(StatusFields.Uid, true)]
    [InlineData(StatusFields.Gid, true)]
    [InlineData(StatusFields.ModifyTime, false)]
    public async Task WhatTheStoreDoesNotSay_OrWhereNothingIsToBeStored_IsTold(StatusFields fields, bool isChanged)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        using IContainer container = await a.OpenAsync(fid, forWriting: true);
        if (isChanged)
            RandomAccess.Write(container.Handle, "content"u8, 0);
        var past = new Timestamp(1_000_000, 5);
        await SetAsync(a, new StoreStatusRequest
        {
            Fid = fid,
            Fields = fields,
            Mode = 0x180,
            Uid = 77,
            Gid = 78,
            ModifyTime = past,
            AccessTime = past,
            ChangeTime = a.Manager.Operations.Now,
        });
        Assert.Equal(1, a.Server.Stub.CountOf("StoreStatus"));
    }

    [Fact]
    public async Task WhoOnlySetsATimeOnWhatHeHasOpenForWriting_StoresNothingOverWhatAnotherClientStored()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume), b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "old");
        int stores = a.Server.Stub.CountOf("StoreData");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            await SetAsync(a, TimeOf(a, fid, 5));
            await SetAsync(a, TimeOf(a, fid, 6));
            await b.WriteAsync(fid, "newer");
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal("newer", await a.ReadAsync(fid));
        Assert.Equal(2, a.Server.Stub.CountOf("StoreStatus"));
        Assert.Equal(stores, a.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task WhatIsWrittenBetweenTwoSettingsOfOneTime_IsStored()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "old");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            await SetAsync(a, TimeOf(a, fid, 5));
            RandomAccess.Write(container.Handle, "new"u8, 0);
            await SetAsync(a, TimeOf(a, fid, 5));
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal("new"u8, volume.ContentOf(fid));
        Assert.Equal(5, volume.StatusOf(fid)!.ModifyTime.Seconds);
    }

    private static StoreStatusRequest TimeOf(TestClient client, Fid fid, long seconds) =>
        new() { Fid = fid, Fields = StatusFields.ModifyTime, ModifyTime = new Timestamp(seconds, 0), ChangeTime = client.Manager.Operations.Now };

    private static async Task SetAsync(TestClient client, StoreStatusRequest request) =>
        Assert.True((await client.Manager.Operations.SetStatusAsync(request, default)).IsSuccess);

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
            Assert.Equal(Failure.None, await container.StoreAsync(default));
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
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        Assert.Equal(Failure.None, await container.StoreAsync(default));
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

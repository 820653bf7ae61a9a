using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>S8: what isn't stored is told at each close, is kept, and is stored once it can be.</summary>
public class StoreFailureTests
{
    [Fact]
    public async Task AFailedStore_IsToldEachTime_StaysDirty_AndIsRetried()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        volume.StoreRefusal = AbortCodes.NoSpace;
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "kept"u8, 0);
            for (int i = 0; i < 3; i++)
                Assert.Equal((Failure)AbortCodes.NoSpace, await container.StoreAsync(default));
        }
        Assert.Equal("kept", await a.ReadAsync(fid));
        Assert.Equal(1, a.Figure("containers.dirty"));
        Assert.NotNull(a.Manager.Contents.FindLocal(fid));
        volume.StoreRefusal = default;
        await Eventually.BecomesTrueAsync(() => a.Figure("containers.dirty") == 0, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("kept"u8.ToArray(), volume.ContentOf(fid));
        Assert.Null(a.Manager.Contents.FindLocal(fid));
    }

    /// <summary>S2: what others get is what somebody closed.</summary>
    [Fact]
    public async Task ARetry_WaitsForWhoeverHasTheFileOpenForWriting()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        volume.StoreRefusal = AbortCodes.NoSpace;
        await a.WriteAsync(fid, "one that was closed");
        volume.StoreRefusal = default;
        using (IContainer container = await a.OpenAsync(fid, forWriting: true, truncate: true))
        {
            RandomAccess.Write(container.Handle, "half"u8, 0);
            for (int second = 0; second < 10; second++)
            {
                a.Time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }
            Assert.Empty(volume.ContentOf(fid));
            RandomAccess.Write(container.Handle, " and whole"u8, 4);
            Assert.Equal(1, a.Figure("stores.waiting"));
        }
        await Eventually.BecomesTrueAsync(() => a.Figure("containers.dirty") == 0, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("half and whole"u8.ToArray(), volume.ContentOf(fid));
    }

    [Fact]
    public async Task WithoutAServer_CloseFails_AndTheDataIsStoredWhenItIsBack()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "offline"u8, 0);
            a.Server.Stub.IsCut = true;
            Assert.Equal(FailureKind.Unreachable, (await container.StoreAsync(default)).Kind);
        }
        a.Server.Stub.IsCut = false;
        Assert.Equal(Failure.None, await a.Manager.Contents.StoreClosedAsync(fid, default));
        Assert.Equal("offline"u8.ToArray(), volume.ContentOf(fid));
    }

    [Fact]
    public async Task AStoreInDoubt_IsDoneAgain()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        a.Server.Stub.After = name =>
        {
            a.Server.Stub.IsCut = name == "StoreData";
            return Task.CompletedTask;
        };
        Assert.Equal(FailureKind.InDoubt, (await a.WriteAsync(fid, "doubt")).Kind);
        a.Server.Stub.After = null;
        a.Server.Stub.IsCut = false;
        Assert.Equal(Failure.None, await a.Manager.Contents.StoreClosedAsync(null, default));
        Assert.Equal("doubt"u8.ToArray(), volume.ContentOf(fid));
        Assert.Equal("doubt", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task WritesDuringAStore_AreStoredByTheNext()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        using IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "one"u8, 0);
        Task<Failure>? second = null;
        a.Server.Stub.Before = name =>
        {
            if (name == "StoreData" && second is null)
            {
                RandomAccess.Write(container.Handle, "TWO"u8, 0);
                second = container.StoreAsync(default).AsTask();
            }
            return Task.CompletedTask;
        };
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        Assert.Equal(Failure.None, await second!);
        Assert.Equal("TWO"u8.ToArray(), volume.ContentOf(fid));
        Assert.Equal(2, a.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task LargeContent_IsUploaded_AndDownloaded()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[3_000_001];
        new Random(5).NextBytes(content);
        content.AsSpan(500_000, 1_000_000).Clear();
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        Assert.Equal(content, await b.ReadBytesAsync(fid));
        Assert.Equal(1, b.Server.Stub.CountOf("Download"));
    }

    [Fact]
    public async Task AFileRemovedByAnotherClient_IsParked_AndTheCloserIsTold()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("report.txt");
        await a.LookupAsync("report.txt");
        using IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "precious"u8, 0);
        Assert.Equal(Failure.None, await b.Manager.Operations.RemoveAsync(b.Root, "report.txt"u8.ToArray(), false, default));
        Assert.Equal(FailureKind.RemovedMeanwhile, (await container.StoreAsync(default)).Kind);
        Assert.Equal(FailureKind.RemovedMeanwhile, (await container.StoreAsync(default)).Kind);
        container.Dispose();
        string[] parked = Directory.GetFiles(Path.Combine(a.Folder, "recovered"), "report.txt.*");
        Assert.Equal(2, parked.Length);
        Assert.Equal("precious", File.ReadAllText(parked.Single(p => !p.EndsWith(".json"))));
        Assert.Contains(fid.ToString(), File.ReadAllText(parked.Single(p => p.EndsWith(".json"))));
    }

    /// <summary>An open that raced with the removal: as on a local disk it has a file without a name.</summary>
    [Fact]
    public async Task AFileRemovedByAnotherClient_IsWrittenThroughAnEarlierUse()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "before");
        await b.LookupAsync("f");
        using IContainer found = await b.OpenAsync(fid, forWriting: false);
        Assert.Equal(Failure.None, await a.Manager.Operations.RemoveAsync(a.Root, "f"u8.ToArray(), false, default));
        Assert.False((await b.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: false, default)).IsSuccess);

        using (IContainer unchanged = (await b.Manager.Contents.TryWriteAsync(found, truncate: false, default))!)
            Assert.Equal(Failure.None, await unchanged.StoreAsync(default));
        using (IContainer written = (await b.Manager.Contents.TryWriteAsync(found, truncate: true, default))!)
        {
            RandomAccess.Write(written.Handle, "late"u8, 0);
            Assert.Equal(FailureKind.RemovedMeanwhile, (await written.StoreAsync(default)).Kind);
        }
        Assert.Contains("late", Directory.GetFiles(Path.Combine(b.Folder, "recovered"), "f.*").Select(File.ReadAllText));
        b.Manager.CheckInvariants();
    }

    /// <summary>The name in the recovered folder is made of the file's, and both may be 255 bytes at most.</summary>
    [Theory]
    [InlineData("漢", 85)]
    [InlineData("x", 255)]
    [InlineData("\U0001F4C4", 63)]
    [InlineData("\U00020000", 63)]
    public async Task AFileWithALongName_IsParkedToo(string letter, int count)
    {
        string name = string.Concat(Enumerable.Repeat(letter, count));
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync(name);
        await a.LookupAsync(name);
        using IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "precious"u8, 0);
        Assert.Equal(Failure.None, await b.Manager.Operations.RemoveAsync(b.Root, MemoryVice.Name(name), false, default));
        Assert.Equal(FailureKind.RemovedMeanwhile, (await container.StoreAsync(default)).Kind);
        container.Dispose();
        string[] parked = Directory.GetFiles(Path.Combine(a.Folder, "recovered"));
        Assert.Equal(2, parked.Length);
        Assert.Equal("precious", File.ReadAllText(parked.Single(p => !p.EndsWith(".json"))));
    }

    [Fact]
    public async Task AFileThisClientRemovedWhileOpen_IsAsOnAnyUnix()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        a.Manager.Statuses.Retain(fid);
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        Assert.Equal(Failure.None, await a.Manager.Operations.RemoveAsync(a.Root, "f"u8.ToArray(), false, default));
        RandomAccess.Write(container.Handle, "still here"u8, 0);
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        Assert.True(a.Manager.Statuses.TryGet(fid, out FetchStatus status));
        Assert.Equal(0u, status.LinkCount);
        Result<FetchStatus> changed = await a.Manager.Operations.SetStatusAsync(
            new StoreStatusRequest { Fid = fid, Fields = StatusFields.Mode, Mode = 0x1ff, ChangeTime = a.Manager.Operations.Now }, default);
        Assert.Equal(0x1ffu, changed.Value.Mode);
        Assert.Equal("still here", await a.ReadAsync(fid));
        container.Dispose();
        a.Manager.Statuses.Release(fid);
        Assert.False(a.Manager.Statuses.TryGet(fid, out _));
        Assert.Equal(AbortCodes.NoVnode, (await a.Manager.Contents.OpenAsync(fid, false, false, default)).Failure.Abort);
        Assert.Empty(a.Files.List());
        Assert.Equal(0, a.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task AFileWithoutAName_IsReleasedAfterItsLastUse_UnlessItWasLinked()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid gone = await MakeUnnamedAsync(a), linked = await MakeUnnamedAsync(a);
        IContainer one = await a.OpenAsync(gone, forWriting: true), two = await a.OpenAsync(linked, forWriting: true);
        RandomAccess.Write(two.Handle, "named later"u8, 0);
        Assert.Equal(Failure.None, (await a.Manager.Operations.LinkAsync(linked, a.Root, "l"u8.ToArray(), default)).Failure);
        Assert.Equal(Failure.None, await two.StoreAsync(default));
        one.Dispose();
        two.Dispose();
        await Eventually.BecomesTrueAsync(() => volume.StatusOf(gone) is null, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("named later"u8.ToArray(), volume.ContentOf(linked));
        Assert.Equal(linked, await a.LookupAsync("l"));
    }

    private static async Task<Fid> MakeUnnamedAsync(TestClient client)
    {
        var request = new CreateRequest
        {
            Parent = client.Root,
            Name = null,
            Type = FileType.Regular,
            Mode = 0x180,
            Uid = 0,
            Gid = 0,
            Time = client.Manager.Operations.Now,
        };
        return (await client.Manager.Operations.CreateAsync(request, default)).Value.Fid;
    }
}

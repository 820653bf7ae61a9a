using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Container files: damage, room, mappings, holes.</summary>
public class ContainerTests
{
    [Fact]
    public async Task ContentThatIsDamagedOnTheWay_IsFetchedAgain_AndAnErrorAtLast()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, new string('x', 100_000));
        int damages = 2;
        b.Server.Stub.Damage = bytes =>
        {
            byte[] copy = [.. bytes];
            if (damages-- > 0)
                copy[50_000] ^= 1;
            return copy;
        };
        Assert.Equal(new string('x', 100_000), await b.ReadAsync(fid));
        Assert.Equal(2, b.Figure("content.damaged"));
        await a.WriteAsync(fid, new string('y', 100_000));
        damages = int.MaxValue;
        Assert.Equal(FailureKind.ContentDamaged, (await b.Manager.Contents.OpenAsync(fid, false, false, default)).Failure.Kind);
        Assert.Single(b.Files.List());
    }

    [Fact]
    public async Task AContainerFileDeletedByHand_IsFetchedAgain()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        foreach (ContainerId id in a.Files.List().ToArray())
            a.Files.Delete(id);
        Assert.Equal("x", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task Eviction_KeepsTheLimit_AndNeverTakesWhatIsOpenOrDirty()
    {
        var volume = new MemoryVolume();
        var limits = new CacheLimits { ReservedFreeBytes = 0, MostBytes = 1_000_000 };
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume, limits: limits);
        var fids = new List<Fid>();
        for (int i = 0; i < 60; i++)
        {
            fids.Add(await a.CreateAsync($"f{i}"));
            await a.WriteAsync(fids[i], $"{i}" + new string('x', 40_000));
        }
        using IContainer open = await b.OpenAsync(fids[0]);
        volume.StoreRefusal = AbortCodes.OverQuota;
        Assert.Equal((Failure)AbortCodes.OverQuota, await b.WriteAsync(fids[1], "dirty"));
        for (int i = 2; i < 60; i++)
            await b.ReadAsync(fids[i]);
        Assert.InRange(b.Figure("containers.bytes"), 1, limits.MostBytes);
        Assert.True(b.Figure("containers.evicted") > 20);
        Assert.StartsWith("0x", System.Text.Encoding.UTF8.GetString(TestClient.ReadAll(open)));
        Assert.Equal("dirty", await b.ReadAsync(fids[1]));
        int calls = b.Server.Stub.Count;
        await b.ReadAsync(fids[59]);
        Assert.Equal(calls, b.Server.Stub.Count);
        volume.StoreRefusal = default;
    }

    [Fact]
    public async Task ACacheFullOfOpenFiles_RefusesAFetch_AndGoesOnAfterwards()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume, limits: new CacheLimits { ReservedFreeBytes = 0, MostBytes = 200_000 });
        var fids = new List<Fid>();
        for (int i = 0; i < 4; i++)
        {
            fids.Add(await a.CreateAsync($"f{i}"));
            await a.WriteAsync(fids[i], new string('x', 60_000));
        }
        List<IContainer> open = [await b.OpenAsync(fids[0]), await b.OpenAsync(fids[1]), await b.OpenAsync(fids[2])];
        Assert.Equal(FailureKind.CacheFull, (await b.Manager.Contents.OpenAsync(fids[3], false, false, default)).Failure.Kind);
        open[0].Dispose();
        using IContainer last = await b.OpenAsync(fids[3]);
        Assert.Equal(60_000, TestClient.ReadAll(last).Length);
        open.ForEach(static c => c.Dispose());
    }

    [Fact]
    public async Task AFullCacheDisk_FailsThatOpen_AndNoOther()
    {
        var volume = new MemoryVolume();
        FullDisk? disk = null;
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume, disk: real => disk = new FullDisk(real));
        Fid small = await a.CreateAsync("small"), large = await a.CreateAsync("large");
        await a.WriteAsync(small, "small");
        await a.WriteAsync(large, new string('x', 300_000));
        Assert.Equal("small", await b.ReadAsync(small));
        disk!.IsFull = true;
        Assert.Equal(FailureKind.CacheFull, (await b.Manager.Contents.OpenAsync(large, false, false, default)).Failure.Kind);
        disk.IsFull = false;
        Assert.Equal(300_000, (await b.ReadBytesAsync(large)).Length);
    }

    [Fact]
    public async Task AMappingThatWritesAfterTheLastClose_IsFoundAndStored()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "0123456789");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        using (var mapped = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(
            new FileStream(Path.Combine(a.Folder, ContainerFiles.NameOf(container.Id)), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite), null, 0,
            System.IO.MemoryMappedFiles.MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false))
        using (var view = mapped.CreateViewAccessor())
        {
            view.Write(0, (byte)'A');
            Assert.Equal(Failure.None, await container.StoreAsync(default));
            container.Dispose();
            view.Write(1, (byte)'B'); // The page is mapped and dirty already.
        }
        await Eventually.BecomesTrueAsync(
            () => volume.ContentOf(fid).AsSpan().SequenceEqual("AB23456789"u8), () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("AB23456789", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task Holes_StayHoles()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "end"u8, 10_000_000);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal(10_000_003, (await b.ReadBytesAsync(fid)).Length);
        Assert.InRange(b.Figure("containers.bytes"), 1, 200_000);
    }

    [Fact]
    public async Task TimesAndSizes_ComeFromTheContainerWhileItIsOpenForWriting()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        var past = new Timestamp(1_000_000, 123_456_789);
        await a.Manager.Operations.SetStatusAsync(
            new StoreStatusRequest { Fid = fid, Fields = StatusFields.ModifyTime, ModifyTime = past, ChangeTime = a.Manager.Operations.Now }, default);
        using (IContainer reading = await b.OpenAsync(fid))
            Assert.False(reading.TryGetLocalStatus(out _));
        using IContainer container = await b.OpenAsync(fid, forWriting: true);
        Assert.True(container.TryGetLocalStatus(out LocalStatus status));
        Assert.Equal(past, status.ModifyTime);
        Assert.Null(status.ChangeTime);
        RandomAccess.Write(container.Handle, "longer"u8, 0);
        container.TryGetLocalStatus(out status);
        Assert.Equal(6, status.LengthBytes);
        Assert.NotNull(status.ChangeTime);
        await b.Manager.Operations.SetStatusAsync(
            new StoreStatusRequest { Fid = fid, Fields = StatusFields.ModifyTime, ModifyTime = past, ChangeTime = b.Manager.Operations.Now }, default);
        container.TryGetLocalStatus(out status);
        Assert.Equal(past, status.ModifyTime);
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        Assert.Equal(past, volume.StatusOf(fid)!.ModifyTime);
        Assert.True(container.TryGetLocalStatus(out status));
        Assert.Null(status.ChangeTime);
    }

    [Fact]
    public async Task AnInterruptedOpen_DoesNotEndTheFetchForOthers()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, new string('x', 100_000));
        var hold = new TaskCompletionSource();
        b.Server.Stub.Before = name => name == "Download" ? hold.Task : Task.CompletedTask;
        using var interrupt = new CancellationTokenSource();
        Task<Result<IContainer>> first = b.Manager.Contents.OpenAsync(fid, false, false, OperationContext.OfClient(interrupt.Token)).AsTask();
        Task<Result<IContainer>> second = b.Manager.Contents.OpenAsync(fid, false, false, default).AsTask();
        await interrupt.CancelAsync();
        Assert.Equal(FailureKind.Interrupted, (await first).Failure.Kind);
        hold.SetResult();
        using IContainer container = (await second).Value;
        Assert.Equal(1, b.Server.Stub.CountOf("Download"));
    }
}

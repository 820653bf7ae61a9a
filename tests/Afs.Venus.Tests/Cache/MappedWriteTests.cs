using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>A file that is still mapped for writing after its last close, past the daemon: whatever happens meanwhile, what the mapping writes is stored.</summary>
public sealed class MappedWriteTests : IDisposable
{
    /// <summary>Longer than from one look at what may be mapped to the next.</summary>
    private static readonly TimeSpan Seconds = TimeSpan.FromSeconds(7);

    private readonly MemoryVolume _volume = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("venus-mapped-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task AfterHours_WhatIsWrittenIsStoredWithinSeconds()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using MappedContainer mapped = await MappedContainer.MapAsync(a, fid);
        await PassAsync(a, TimeSpan.FromHours(3));
        mapped.Write(0, 'A');
        await PassAsync(a, Seconds);
        await IsStoredAsync(a, fid, "A123456789");
        // The page is mapped and dirty; no fault tells of this one but by the store before.
        mapped.Write(1, 'B');
        await PassAsync(a, Seconds);
        await IsStoredAsync(a, fid, "AB23456789");
    }

    [Fact]
    public async Task NoEvictionTakesIt()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, limits: new CacheLimits { ReservedFreeBytes = 0, MostBytes = 300_000 });
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using (MappedContainer mapped = await MappedContainer.MapAsync(a, fid))
        {
            await FillAsync(a, b);
            mapped.Write(0, 'A');
            await FillAsync(a, b);
            mapped.Write(1, 'B');
        }
        Assert.True(a.Figure("containers.evicted") > 0);
        Assert.Equal("AB23456789", await a.ReadAsync(fid));
        await PassAsync(a, Seconds);
        await IsStoredAsync(a, fid, "AB23456789");
        await a.SealAllAsync();
        await FillAsync(a, b);
        Assert.DoesNotContain(a.Manager.Containers, c => c.Fid == fid);
    }

    /// <summary>However many are written beside it, none is left out: what its mapping writes would be lost.</summary>
    [Fact]
    public void AsManyAreWatchedAsThereAre()
    {
        const int Many = 100_000;
        var dirty = new DirtyContainers(TimeProvider.System, new Random(1));
        Container Make(ulong id) => new(new ContainerRecord(new ContainerId(id), new Fid(new VolumeId(1), new VnodeNumber(id), new Uniquifier(1)), new DataVersion(1), ContainerState.Clean, 0, default, "", Caller.Client),
            ContainerPhase.Watched, Baseline.Truncated, null!, null!, "");
        for (ulong id = 1; id < Many; id++)
            dirty.LookSoon(Make(id));
        Container last = Make(Many);
        dirty.LookSoon(last);
        Assert.Equal(Many, dirty.LooksDue(new VolumeId(1)).Count);
        Assert.True(dirty.Knows(last));
    }

    [Fact]
    public async Task NoDiscardTakesIt()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using MappedContainer mapped = await MappedContainer.MapAsync(a, fid);
        Assert.Equal((1, Failure.None), await a.Manager.Discards.RunAllAsync(default));
        mapped.Write(0, 'A');
        await PassAsync(a, Seconds);
        await IsStoredAsync(a, fid, "A123456789");
    }

    /// <summary>For the processes of its client it is the file, as if it were open; the last that is stored is the version.</summary>
    [Fact]
    public async Task NoNewerVersionTakesItsPlace_UntilItIsUnmapped()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume);
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using (MappedContainer mapped = await MappedContainer.MapAsync(a, fid))
        {
            await PassAsync(a, Seconds);
            await b.WriteAsync(fid, "other");
            Assert.Equal("0123456789", await a.ReadAsync(fid));
            mapped.Write(0, 'A');
            Assert.Equal("A123456789", await a.ReadAsync(fid));
            await PassAsync(a, Seconds);
            Assert.Equal("A123456789", await b.ReadAsync(fid));
            await b.WriteAsync(fid, "other");
        }
        Assert.Equal("other", await a.ReadAsync(fid));
    }

    /// <summary>What is closed and no longer mapped gives way at once.</summary>
    [Fact]
    public async Task WithoutAMapping_ANewerVersionIsOpened_RightAfterTheClose()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume);
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using IContainer reading = await a.OpenAsync(fid);
        Assert.Equal("0123456789", Encoding.UTF8.GetString(CacheClient.ReadAll(reading)));
        await b.WriteAsync(fid, "other");
        Assert.Equal("other", await a.ReadAsync(fid));
        Assert.Equal("0123456789", Encoding.UTF8.GetString(CacheClient.ReadAll(reading)));
    }

    [Fact]
    public async Task WhereAnotherClientRemovedTheFile_WhatIsWrittenIsKeptInTheRecoveredFolder()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, folder: _folder);
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await MakeAsync(a);
        using MappedContainer mapped = await MappedContainer.MapAsync(a, fid);
        await b.Manager.Operations.RemoveAsync(b.Root, "f"u8.ToArray(), false, default);
        Assert.Equal("0123456789", await a.ReadAsync(fid));
        mapped.Write(0, 'A');
        await PassAsync(a, Seconds);
        Assert.Equal("A123456789", Recovered());
    }

    /// <summary>Also where it was written between the death of a daemon and the next one, and after that.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterADaemonDied_WhatIsWrittenIsStored(bool isWrittenWhileThereIsNone)
    {
        TestClient a = await TestClient.OpenAsync(_volume, folder: _folder);
        Fid fid = await MakeAsync(a);
        using MappedContainer mapped = await MappedContainer.MapAsync(a, fid);
        await PassAsync(a, Seconds);
        await a.CrashAsync();
        if (isWrittenWhileThereIsNone)
            mapped.Write(0, 'A');
        await using TestClient again = await TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: false);
        mapped.Write(1, 'B');
        await PassAsync(again, Seconds);
        string expected = isWrittenWhileThereIsNone ? "AB23456789" : "0B23456789";
        await IsStoredAsync(again, fid, expected);
        Assert.Equal(expected, await again.ReadAsync(fid));
        mapped.Write(2, 'C');
        await PassAsync(again, Seconds);
        await IsStoredAsync(again, fid, string.Concat(expected.AsSpan(0, 2), "C", expected.AsSpan(3)));
    }

    /// <summary>The index follows a store some time later. Between the two the newest version seems to be another client's.</summary>
    [Fact]
    public async Task WhereTheDaemonDiedRightAfterAStore_WhatIsWrittenIsStored()
    {
        TestClient a = await TestClient.OpenAsync(_volume, folder: _folder);
        Fid fid = await MakeAsync(a);
        using MappedContainer mapped = await MappedContainer.MapAsync(a, fid);
        await PassAsync(a, Seconds);
        mapped.Write(0, 'A');
        Assert.Equal(Failure.None, await a.Manager.Contents.StoreClosedAsync(fid, default));
        await IsStoredAsync(a, fid, "A123456789");
        await a.KillAsync();
        mapped.Write(1, 'B');
        await using TestClient again = await TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: false);
        await IsStoredAsync(again, fid, "AB23456789");
        Assert.Equal("AB23456789", await again.ReadAsync(fid));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    /// <summary>A clean end can't wait for it; the next daemon finds it.</summary>
    [Fact]
    public async Task OverACleanEnd_ItIsWrittenAndStored()
    {
        Fid fid;
        MappedContainer mapped;
        await using (TestClient a = await TestClient.OpenAsync(_volume, folder: _folder))
        {
            fid = await MakeAsync(a);
            mapped = await MappedContainer.MapAsync(a, fid);
        }
        using (mapped)
            mapped.Write(0, 'A');
        await using TestClient again = await TestClient.OpenAsync(_volume, folder: _folder);
        Assert.Equal("A123456789", await again.ReadAsync(fid));
        await IsStoredAsync(again, fid, "A123456789");
    }

    private static async Task<Fid> MakeAsync(TestClient a)
    {
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "0123456789");
        return fid;
    }

    /// <summary>Reads more than a small cache holds, of what another client wrote.</summary>
    private static async Task FillAsync(TestClient a, TestClient b)
    {
        for (int i = 0; i < 20; i++)
        {
            string name = $"{i}";
            Fid fid = await b.LookupAsync(name) ?? await b.CreateAsync(name);
            await b.WriteAsync(fid, new string('x', 40_000));
            Assert.Equal(40_000, (await a.ReadBytesAsync(fid)).Length);
        }
    }

    /// <summary>Time passes, a second at a time, in which what is due is done.</summary>
    private static async Task PassAsync(TestClient a, TimeSpan time)
    {
        TimeSpan step = time / 7 < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : time / 7;
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += step)
        {
            a.Time.Advance(step);
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);
        }
    }

    private static Task IsStoredAsync(TestClient a, Fid fid, string content) =>
        Eventually.BecomesTrueAsync(() => a.Manager.Contents is not null && ContentIs(a, fid, content));

    private static bool ContentIs(TestClient a, Fid fid, string content) => Encoding.UTF8.GetString(a.Server.Volume.ContentOf(fid)) == content;

    private string Recovered() => File.ReadAllText(TestClient.ParkedIn(_folder));
}

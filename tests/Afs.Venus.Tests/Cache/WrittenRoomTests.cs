using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The limits of the cache hold for what is written here too, not only for what is fetched.</summary>
public sealed class WrittenRoomTests
{
    private static readonly string Content = new('x', 100_000);

    private readonly MemoryVolume _volume = new();

    /// <summary>By the duty, without another open; and by the next open, without the duty.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AClientThatOnlyWrites_StaysWithinItsLimit(bool byDuty)
    {
        var limits = new CacheLimits { ReservedFreeBytes = 0, MostBytes = 350_000 };
        await using TestClient a = await TestClient.OpenAsync(_volume, limits: limits);
        for (int i = 0; i < 8; i++)
        {
            Fid fid = await a.CreateAsync($"f{i}");
            Assert.Equal(Failure.None, await a.WriteAsync(fid, Content));
            if (!byDuty)
                Assert.InRange(a.Figure("containers.bytes"), 1, limits.MostBytes + 2 * Content.Length);
        }
        if (byDuty)
            await Eventually.BecomesTrueAsync(() => a.Figure("containers.bytes") <= limits.MostBytes, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True(a.Figure("containers.evicted") > 0);
        Assert.Equal(0, a.Server.Stub.CountOf("FetchData"));
    }

    /// <summary>What is left to others on the disk is left; and nothing that could not be filled gets a name.</summary>
    [Fact]
    public async Task OnADiskThatIsShort_NothingIsMade_AndNoNameStays()
    {
        SpaceDisk? disk = null;
        await using TestClient a = await TestClient.OpenAsync(
            _volume, limits: new CacheLimits { ReservedFreeBytes = 1 << 20 }, disk: real => disk = new SpaceDisk(real));
        Fid fid = await a.CreateAsync("before");
        await a.WriteAsync(fid, "before");
        disk!.Space = new DiskSpace(1 << 30, 1000);
        await Eventually.BecomesTrueAsync(() => a.Figure("containers") == 0, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        var request = new CreateRequest { Parent = a.Root, Name = MemoryVice.Name("after"), Type = FileType.Regular, Mode = 0x1a4, Uid = 1, Gid = 1, Time = a.Manager.Operations.Now };
        Assert.Equal(FailureKind.CacheFull, (await a.Manager.Operations.CreateAsync(request, default)).Failure.Kind);
        Assert.Equal(FailureKind.CacheFull, (await a.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: true, default)).Failure.Kind);
        Assert.Null(await a.LookupAsync("after"));
        await a.CreateAsync("folder", type: FileType.Directory);
        disk.Space = new DiskSpace(1 << 30, 1 << 29);
        Assert.Equal(Failure.None, await a.WriteAsync(await a.CreateAsync("after"), "after"));
    }

    /// <summary>Some filesystems say that they have no blocks at all (statfs(2) of a stacked or a network one).</summary>
    [Fact]
    public async Task ADiskThatSaysNothingOfItsRoom_RefusesNobody()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, Content);
        await using TestClient b = await TestClient.OpenAsync(
            _volume, limits: new CacheLimits { ReservedFreeBytes = 0 }, disk: static real => new SpaceDisk(real) { Space = new DiskSpace(0, 0) });
        Assert.Equal(Content, await b.ReadAsync(fid));
        Assert.Equal(Failure.None, await b.WriteAsync(await b.CreateAsync("g"), Content));
    }

    private sealed class SpaceDisk(IDisk inner) : PassingDisk(inner)
    {
        public DiskSpace? Space { get; set; }

        public override DiskSpace GetSpace() => Space ?? base.GetSpace();

        protected override IDiskFile Between(IDiskFile file) => file;
    }
}

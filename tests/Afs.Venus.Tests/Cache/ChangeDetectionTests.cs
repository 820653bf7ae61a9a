using System.Text;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What tells that a container was changed, where its file's times do and where they don't.</summary>
public sealed class ChangeDetectionTests
{
    private readonly MemoryVolume _volume = new();

    [Theory]
    [InlineData(4)]
    [InlineData(300_000)]
    public async Task WritesOfTheSameLength_WithinOneTick_AreEachStoredAtTheirClose(int lengthBytes)
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, files: static files => new StoppedClockFiles(files));
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[lengthBytes];
        await a.WriteAsync(fid, content);
        for (byte round = 1; round <= 5; round++)
        {
            content[lengthBytes / 2 + round % 2] = round;
            using (IContainer container = await a.OpenAsync(fid, forWriting: true))
            {
                RandomAccess.Write(container.Handle, [round], lengthBytes / 2 + round % 2);
                Assert.Equal(Failure.None, await container.StoreAsync(default));
            }
            Assert.Equal(content, await b.ReadBytesAsync(fid));
            Assert.Equal(content, await a.ReadBytesAsync(fid));
        }
    }

    [Fact]
    public async Task AClosedVersionOfAnotherClient_IsNotOverwrittenByOneThatWasStoredBefore_WithinOneTick()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, files: static files => new StoppedClockFiles(files));
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "aaaa");
        await a.WriteAsync(fid, "bbbb");
        await b.WriteAsync(fid, "cccc");
        await a.SealAllAsync();
        Assert.Equal("cccc", await a.ReadAsync(fid));
        Assert.Equal("cccc"u8, _volume.ContentOf(fid));
    }

    [Fact]
    public async Task AnOpenForWritingThatChangesNothing_WithinOneTick_StoresNothing()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, files: static files => new StoppedClockFiles(files));
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "aaaa");
        int stores = a.Server.Stub.CountOf("StoreData");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        await a.SealAllAsync();
        Assert.Equal(stores, a.Server.Stub.CountOf("StoreData"));
    }

    /// <summary>The rows of the table of <see cref="Baseline"/>.</summary>
    [Fact]
    public void ALook_IsHeldAgainstABaseline()
    {
        ContainerStat decisive = Stat(seconds: 1, isDecisive: true), racy = Stat(seconds: 1, isDecisive: false);
        Assert.Equal(Sameness.Same, Baseline.Arriving.Compare(racy));
        Assert.Equal(Sameness.Changed, Baseline.Truncated.Compare(decisive));
        Assert.Equal(Sameness.Changed, Baseline.Unlike.Compare(decisive));
        Assert.Equal(Sameness.Same, Baseline.At(decisive).Compare(racy));
        Assert.Equal(Sameness.Undecided, Baseline.At(racy).Compare(decisive));
        Assert.Equal(Sameness.Changed, Baseline.At(decisive).Compare(Stat(seconds: 2, isDecisive: true)));
        Assert.Equal(Sameness.Changed, Baseline.At(racy).Compare(racy with { LengthBytes = 9 }));
        Assert.Equal(Sameness.Undecided, Baseline.At(decisive).Compare(decisive with { ClockLife = 1 }));
        Assert.Equal(Sameness.Changed, Baseline.FromRow(default).Compare(default));
    }

    /// <summary>Whatever this machine's disk does.</summary>
    [Fact]
    public void AChangeAfterADecisiveLook_Shows()
    {
        string folder = Directory.CreateTempSubdirectory("venus-times-").FullName;
        try
        {
            var disk = new LinuxDisk(folder);
            DiskTimes times = DiskTimes.Probe(disk);
            Assert.Empty(disk.List("."));
            using IDiskFile file = disk.Open("f", DiskOpenMode.CreateNew);
            for (int i = 0; i < 1000; i++)
            {
                ContainerStat before = times.Look(file);
                file.Write(0, [(byte)i]);
                Assert.True(times.Look(file).Differs(before) || !before.IsDecisive);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A truncation that isn't stored yet is no truncation that didn't happen.</summary>
    [Fact]
    public async Task AFailedOpenForWriting_DeletesNoUnstoredChange()
    {
        NoTruncation? disk = null;
        await using TestClient a = await TestClient.OpenAsync(_volume);
        await using TestClient b = await TestClient.OpenAsync(_volume, disk: real => disk = new NoTruncation(real));
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        _volume.StoreRefusal = AbortCodes.OverQuota;
        Assert.Equal((Failure)AbortCodes.OverQuota, await b.WriteAsync(fid, "dirty"));
        disk!.Fails = true;
        Assert.Equal(FailureKind.CacheDiskFailed, (await b.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: true, default)).Failure.Kind);
        disk.Fails = false;
        Assert.Equal("dirty", await b.ReadAsync(fid));
        _volume.StoreRefusal = default;
        await Eventually.BecomesTrueAsync(() => _volume.ContentOf(fid).AsSpan().SequenceEqual("dirty"u8), () => b.Time.Advance(TimeSpan.FromSeconds(1)));
    }

    /// <summary>One that didn't happen leaves nothing that would be taken for the file.</summary>
    [Fact]
    public async Task AnOpenThatWouldHaveTruncated_AndFailed_LeavesTheFileAsItWas()
    {
        NoDescriptors? disk = null;
        await using TestClient a = await TestClient.OpenAsync(_volume);
        await using TestClient b = await TestClient.OpenAsync(_volume, disk: real => disk = new NoDescriptors(real));
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        disk!.FailsExisting = true;
        Assert.Equal(FailureKind.TooManyOpenFiles, (await b.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: true, default)).Failure.Kind);
        disk.FailsExisting = false;
        Assert.Equal("base", await b.ReadAsync(fid));
        b.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("base", Encoding.UTF8.GetString(_volume.ContentOf(fid)));
    }

    private static ContainerStat Stat(long seconds, bool isDecisive) =>
        new(LengthBytes: 4, AllocatedBytes: 4096, new Timestamp(seconds, 0), new Timestamp(seconds, 0)) { IsDecisive = isDecisive };

    private sealed class NoTruncation(IDisk inner) : PassingDisk(inner)
    {
        public bool Fails { get; set; }

        protected override IDiskFile Between(IDiskFile file) => new Kept(this, file);

        private sealed class Kept(NoTruncation disk, IDiskFile inner) : PassingFile(inner)
        {
            public override void SetLength(long lengthBytes)
            {
                if (disk.Fails)
                    throw new DiskException(DiskFailure.Failed, "ftruncate: EIO");
                base.SetLength(lengthBytes);
            }
        }
    }

    private sealed class NoDescriptors(IDisk inner) : PassingDisk(inner)
    {
        public bool FailsExisting { get; set; }

        public override IDiskFile Open(string name, DiskOpenMode mode) => FailsExisting && mode != DiskOpenMode.CreateNew
            ? throw new DiskException(DiskFailure.TooManyOpenFiles, "open: EMFILE")
            : base.Open(name, mode);

        protected override IDiskFile Between(IDiskFile file) => file;
    }
}

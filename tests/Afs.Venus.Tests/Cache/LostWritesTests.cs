using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>S8: the cache's disk loses what was written on its way from the page cache. What is read back then is older, and its checksum would be right.</summary>
public sealed class LostWritesTests
{
    private readonly MemoryVolume _volume = new();
    private LosingDisk _disk = null!;

    [Fact]
    public async Task WhatTheDiskLost_IsNoVersion_AndTheCloserIsTold()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, disk: real => _disk = new LosingDisk(real));
        Fid fid = await a.CreateAsync("report");
        await a.WriteAsync(fid, "base");
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "NEW!"u8, 0);
            _disk.Loses = true;
            Assert.Equal(FailureKind.CacheDiskFailed, (await container.StoreAsync(default)).Kind);
            _disk.Loses = false; // The kernel tells once.
            Assert.Equal(FailureKind.CacheDiskFailed, (await container.StoreAsync(default)).Kind);
        }
        a.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("base"u8.ToArray(), _volume.ContentOf(fid));
        Assert.Equal("base", await a.ReadAsync(fid));
        string parked = Directory.GetFiles(Path.Combine(a.Folder, "recovered")).Single(static path => !path.EndsWith(".json", StringComparison.Ordinal));
        Assert.Equal("NEW!", File.ReadAllText(parked));
        Assert.Equal(1, a.Figure("recovered"));
        Assert.Equal(0, a.Figure("containers.dirty"));
    }

    /// <summary>Of what was closed and could not be stored, a sync is what is told.</summary>
    [Fact]
    public async Task WhatASyncIsTold_IsRemembered_ByTheStoreAfterIt()
    {
        await using TestClient a = await TestClient.OpenAsync(_volume, disk: real => _disk = new LosingDisk(real));
        Fid fid = await a.CreateAsync("report");
        await a.WriteAsync(fid, "base");
        using IContainer reader = await a.OpenAsync(fid);
        _volume.StoreRefusal = AbortCodes.NoSpace;
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "NEW!"u8, 0);
        _disk.FailsSync = true;
        Assert.Equal((Failure)AbortCodes.NoSpace, await container.StoreAsync(default));
        container.Dispose();
        _volume.StoreRefusal = default;
        Assert.Equal(FailureKind.CacheDiskFailed, (await a.Manager.Contents.StoreClosedAsync(null, default)).Kind);
        Assert.Equal("base"u8.ToArray(), _volume.ContentOf(fid));
        _disk.FailsSync = false;
    }

    private sealed class LosingDisk(IDisk inner) : PassingDisk(inner)
    {
        public bool Loses { get; set; }

        public bool FailsSync { get; set; }

        protected override IDiskFile Between(IDiskFile file) => new LosingFile(this, file);

        private sealed class LosingFile(LosingDisk disk, IDiskFile inner) : PassingFile(inner)
        {
            public override void CheckWritten()
            {
                if (disk.Loses)
                    throw new DiskException(DiskFailure.Failed, "Input/output error");
                base.CheckWritten();
            }

            public override void Sync()
            {
                if (disk.FailsSync)
                    throw new DiskException(DiskFailure.Failed, "Input/output error");
                base.Sync();
            }
        }
    }
}

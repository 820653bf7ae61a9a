using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>
/// A cache directory of format 1, as venus 0.1.0 left it when it was killed (tests/vectors/cache-format-1): three files, one as the server has it, one closed and refused by the server,
/// one open for writing. Its SQLite logs aren't merged.
/// </summary>
public sealed class OldCacheTests : IDisposable
{
    private const string Index = "index.db", Vnodes = "vnodes.db";

    private readonly string _folder = Directory.CreateTempSubdirectory("old-cache-").FullName;

    public OldCacheTests() => CopyTo(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task WhatItHeld_IsTakenOver()
    {
        MemoryVolume volume = await MakeVolumeAsync();
        await using TestClient client = await TestClient.OpenAsync(volume, folder: _folder, wasCleanEnd: false);
        Assert.Equal(4, client.Figure("vnodes")); // What was saved of them: the root too.
        Assert.Equal(Failure.None, await client.Manager.RevalidateNowAsync());
        Assert.Equal("at the server", await client.ReadAsync((await client.LookupAsync("clean"))!.Value));
        Assert.Equal("closed, not stored", await client.ReadAsync((await client.LookupAsync("dirty"))!.Value));
        Assert.Equal("written, never closed", await client.ReadAsync((await client.LookupAsync("open"))!.Value));
        Assert.Equal(0, client.Server.Stub.CountOf("FetchData") + client.Server.Stub.CountOf("FetchDirectory"));
        Assert.Equal("closed, not stored"u8.ToArray(), volume.ContentOf((await client.LookupAsync("dirty"))!.Value));
        Assert.DoesNotContain(Directory.GetFiles(_folder), static file => file.EndsWith("-wal", StringComparison.Ordinal) || file.EndsWith("-shm", StringComparison.Ordinal));
    }

    /// <summary>Whatever change of the disk it is at which the program ends: the next start finds all rows.</summary>
    [Fact]
    public async Task AStartThatEndsMeanwhile_IsRepeatedByTheNext()
    {
        for (int changes = 0; ; changes++)
        {
            string folder = Path.Combine(_folder, $"try-{changes}");
            CopyTo(folder);
            var failing = new FailingDisk(new LinuxDisk(folder), DiskFailure.NoSpace) { SucceedsFor = changes };
            try
            {
                await Open(folder, failing).DisposeAsync();
            }
            catch (DiskException)
            {
                // As far as it came.
            }
            await using LiteDbContainerIndex index = Open(folder, new LinuxDisk(folder));
            Assert.Equal([ContainerState.Clean, ContainerState.Dirty, ContainerState.Writing], index.Load().Select(static row => row.State).Order(StateOrder));
            if (!failing.HasFailed)
                return;
        }
    }

    /// <summary>As with a damaged index of this format: all container files are set aside with it.</summary>
    [Fact]
    public async Task OneThatIsDamaged_IsSetAside_WithAllContainers()
    {
        string path = Path.Combine(_folder, Index);
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(bytes.Length / 2).Fill(0xA5);
        File.WriteAllBytes(path, bytes);
        File.Delete(path + "-wal");
        await using LiteDbContainerIndex index = Open(_folder, new LinuxDisk(_folder));
        Assert.Empty(index.Load());
        string aside = Assert.Single(Directory.GetDirectories(Path.Combine(_folder, "recovered")));
        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(aside, Index)));
        Assert.Equal(3, Directory.GetFiles(Path.Combine(aside, "containers"), "*", SearchOption.AllDirectories).Length);
        Assert.False(Directory.Exists(Path.Combine(_folder, "containers")));
    }

    [Fact]
    public void SavedVnodesThatAreDamaged_AreDeleted()
    {
        File.WriteAllBytes(Path.Combine(_folder, Vnodes), [.. "SQLite format 3\0"u8, .. new byte[5000]]);
        File.Delete(Path.Combine(_folder, Vnodes + "-wal"));
        using LiteDbSavedVnodes saved = SavedVnodesFile.Open(_folder, new LinuxDisk(_folder), NullLogger.Instance)(new VolumeId(1));
        saved.Begin(new VolumeIdentity(1, 2, 3, 4));
        saved.Read(static _ => Assert.Fail("There is none."), static _ => Assert.Fail("There is none."));
    }

    /// <summary>Format 2 had the names of one volume: it is this one with two files called otherwise, and no name in what says which volume it is.</summary>
    [Fact]
    public async Task OneOfFormat2_IsTakenOver()
    {
        string folder = Path.Combine(_folder, "format-2");
        MemoryVolume volume = await MakeVolumeAsync(folder);
        string identity = Path.Combine(folder, "volume-00000007.json");
        File.WriteAllText(Path.Combine(folder, "volume.json"), """{"Volume":7,"RootVnode":1,"RootUniquifier":1,"Incarnation":1}""");
        File.Delete(identity);
        foreach (string end in (string[])["", "-log"])
            File.Move(Path.Combine(folder, SavedVnodesFile.NameOf(MemoryVolume.Id) + end), Path.Combine(folder, Vnodes + end));

        await using TestClient client = await TestClient.OpenAsync(volume, folder: folder);
        Assert.Equal(4, client.Figure("vnodes"));
        Assert.Equal(Failure.None, await client.Manager.RevalidateNowAsync());
        Assert.Equal("at the server", await client.ReadAsync((await client.LookupAsync("clean"))!.Value));
        Assert.Equal(0, client.Server.Stub.CountOf("FetchData") + client.Server.Stub.CountOf("FetchDirectory"));
        Assert.Contains("\"Name\":\"root\"", File.ReadAllText(identity), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, Vnodes)));
        // A program of format 2 that comes again finds another volume, and drops what is clean.
        Assert.Contains("\"Volume\":0", File.ReadAllText(Path.Combine(folder, "volume.json")), StringComparison.Ordinal);
    }

    /// <summary>Whatever change of the disk it is at which that ends: the next start finds which volume it is, and is not misled by half of the rest.</summary>
    [Fact]
    public void ATakeOverThatEndsMeanwhile_IsRepeatedByTheNext()
    {
        for (int changes = 0; ; changes++)
        {
            string folder = Path.Combine(_folder, $"identity-{changes}");
            CopyTo(folder);
            var failing = new FailingDisk(new LinuxDisk(folder), DiskFailure.NoSpace) { SucceedsFor = changes };
            try
            {
                SavedVnodesFile.Open(folder, failing, NullLogger.Instance);
            }
            catch (DiskException)
            {
                // As far as it came.
            }
            var disk = new LinuxDisk(folder);
            using LiteDbSavedVnodes saved = SavedVnodesFile.Open(folder, disk, NullLogger.Instance)(MemoryVolume.Id);
            VolumeIdentity identity = VolumeIdentity.Load(disk, MemoryVolume.Id)!;
            Assert.Equal((MemoryVolume.Root, 1ul), (identity.Root, identity.Incarnation));
            saved.Begin(identity);
            int count = 0;
            saved.Read(_ => count++, static _ => { });
            Assert.Equal(4, count);
            if (!failing.HasFailed)
                return;
        }
    }

    private static readonly Comparer<ContainerState> StateOrder = Comparer<ContainerState>.Create(static (a, b) => Rank(a).CompareTo(Rank(b)));

    private static int Rank(ContainerState state) => state switch { ContainerState.Clean => 0, ContainerState.Dirty => 1, _ => 2 };

    private static LiteDbContainerIndex Open(string folder, IDisk disk) =>
        CacheIndexFile.Open(folder, disk, IndexWorkload.Boot, new FakeTime(), NullLogger.Instance);

    /// <summary>The volume as the server had it then: the same calls give the same fids and versions.</summary>
    private static async Task<MemoryVolume> MakeVolumeAsync(string? folder = null)
    {
        var volume = new MemoryVolume();
        await using TestClient maker = await TestClient.OpenAsync(volume, folder: folder);
        Fid clean = await maker.CreateAsync("clean"), dirty = await maker.CreateAsync("dirty"), open = await maker.CreateAsync("open");
        await maker.WriteAsync(clean, "at the server");
        await maker.WriteAsync(dirty, "base");
        await maker.WriteAsync(open, "base");
        await maker.ListAsync();
        return volume;
    }

    private static void CopyTo(string folder)
    {
        string image = Path.Combine(AppContext.BaseDirectory, "vectors", "cache-format-1");
        foreach (string file in Directory.GetFiles(image, "*", SearchOption.AllDirectories))
        {
            string to = Path.Combine(folder, Path.GetRelativePath(image, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to, overwrite: true);
        }
    }
}

using Afs.Platform;

namespace Afs.Simulation.Tests;

/// <summary>What a simulated disk keeps over a power loss, and what it may lose.</summary>
public sealed class DiskTests
{
    private const int Bytes = 4096;

    [Fact]
    public void What_was_synced_survives_and_a_name_needs_its_directory_synced()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            using IDiskFile file = view.Open("folder/kept", DiskOpenMode.CreateNew);
            file.Write(0, Filled(1));
            file.Sync();
            view.SyncDirectory("folder");
            disk.LosePower(new Random(seed));
            Assert.Equal(Filled(1), Read(view.Open("folder/kept", DiskOpenMode.Read)));
        }
    }

    [Fact]
    public void What_was_not_synced_is_kept_torn_or_lost()
    {
        HashSet<string> fates = [];
        for (int seed = 0; seed < 100; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            using IDiskFile file = view.Open("torn", DiskOpenMode.CreateNew);
            file.Write(0, Filled(1));
            file.Sync();
            view.SyncDirectory(".");
            file.Write(0, Filled(2));
            disk.LosePower(new Random(seed));
            byte[] after = Read(view.Open("torn", DiskOpenMode.Read));
            fates.Add(after.AsSpan().SequenceEqual(Filled(1)) ? "lost" : after.AsSpan().SequenceEqual(Filled(2)) ? "kept" : "torn");
        }
        Assert.Equal(["kept", "lost", "torn"], fates.Order());
    }

    [Fact]
    public void A_name_that_was_not_synced_may_be_gone()
    {
        HashSet<bool> isThere = [];
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.Open("new", DiskOpenMode.CreateNew).Dispose();
            disk.LosePower(new Random(seed));
            isThere.Add(view.Exists("new"));
        }
        Assert.Equal(2, isThere.Count);
    }

    [Fact]
    public void A_host_dies_at_the_step_that_was_chosen_and_does_nothing_more()
    {
        var world = new SimWorld(1, null);
        var host = new SimHost(world, "host");
        var disk = new SimDisk();
        SimDiskView view = disk.For(host, world.Time);
        host.DieAtStep(2, host.Die);
        view.Open("one", DiskOpenMode.CreateNew).Dispose();
        Assert.Throws<HostDiedException>(() => view.Open("two", DiskOpenMode.CreateNew));
        Assert.Throws<HostDiedException>(() => view.Delete("one"));
        Assert.True(view.Exists("one"));
        Assert.False(view.Exists("two"));
    }

    private static (SimDisk Disk, SimDiskView View) Make()
    {
        var world = new SimWorld(1, null);
        var disk = new SimDisk();
        return (disk, disk.For(new SimHost(world, "host"), world.Time));
    }

    private static byte[] Filled(byte value) => [.. Enumerable.Repeat(value, Bytes)];

    private static byte[] Read(IDiskFile file)
    {
        byte[] bytes = new byte[file.LengthBytes];
        file.Read(0, bytes);
        return bytes;
    }
}

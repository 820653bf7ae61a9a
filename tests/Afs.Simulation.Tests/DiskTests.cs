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
    public void A_sync_of_a_folder_keeps_its_names_and_no_others()
    {
        HashSet<bool> isThere = [];
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.Open("folder/kept", DiskOpenMode.CreateNew).Dispose();
            view.Open("other/maybe", DiskOpenMode.CreateNew).Dispose();
            view.SyncDirectory("folder");
            disk.LosePower(new Random(seed));
            Assert.True(view.Exists("folder/kept"));
            isThere.Add(view.Exists("other/maybe"));
        }
        Assert.Equal(2, isThere.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("folder")]
    [InlineData("other")]
    public void A_file_that_moved_is_in_one_place_and_where_its_new_folder_was_synced_in_the_new(string? synced)
    {
        HashSet<string> places = [];
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.Open("folder/file", DiskOpenMode.CreateNew).Dispose();
            view.SyncDirectory("folder");
            view.Rename("folder/file", "other/file");
            if (synced is not null)
                view.SyncDirectory(synced);
            disk.LosePower(new Random(seed));
            Assert.NotEqual(view.Exists("folder/file"), view.Exists("other/file"));
            places.Add(view.Exists("folder/file") ? "old" : "new");
        }
        Assert.Equal(synced == "other" ? ["new"] : ["new", "old"], places.Order());
    }

    [Fact]
    public void A_file_that_was_made_and_moved_since_is_never_in_both_places()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.Open("folder/file", DiskOpenMode.CreateNew).Dispose();
            view.Rename("folder/file", "other/file");
            view.SyncDirectory("other");
            disk.LosePower(new Random(seed));
            Assert.True(view.Exists("other/file"));
            Assert.False(view.Exists("folder/file"));
        }
    }

    [Fact]
    public void A_removal_that_was_not_synced_may_come_undone()
    {
        HashSet<bool> isThere = [];
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.Open("folder/file", DiskOpenMode.CreateNew).Dispose();
            view.SyncDirectory("folder");
            view.Delete("folder/file");
            view.SyncDirectory("other");
            disk.LosePower(new Random(seed));
            isThere.Add(view.Exists("folder/file"));
        }
        Assert.Equal(2, isThere.Count);
    }

    [Fact]
    public void A_folder_that_was_not_synced_where_it_is_takes_along_what_is_in_it()
    {
        HashSet<bool> isThere = [];
        for (int seed = 0; seed < 50; seed++)
        {
            (SimDisk disk, SimDiskView view) = Make();
            view.CreateDirectory("new/inner");
            view.Open("new/inner/file", DiskOpenMode.CreateNew).Dispose();
            view.SyncDirectory("new/inner");
            view.SyncDirectory("new");
            disk.LosePower(new Random(seed));
            Assert.Equal(disk.HasFolder("new"), view.Exists("new/inner/file"));
            isThere.Add(view.Exists("new/inner/file"));
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
        disk.MakeFolder("folder");
        disk.MakeFolder("other");
        disk.SyncNames(".");
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

using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>Mounting, unmounting, and what is left behind.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public void The_mount_table_shows_source_and_type()
    {
        using var host = new MountedHost();
        string line = File.ReadLines("/proc/mounts").Single(line => line.Contains(host.MountPoint, StringComparison.Ordinal));
        Assert.StartsWith(@"afs,fuse\134tests ", line);
        Assert.Contains(" fuse.memory rw,", line);
        Assert.Contains("default_permissions,allow_other", line);
    }

    [Theory]
    [InlineData("--inline")]
    [InlineData("--deferred")]
    public void After_the_last_use_nothing_is_held(string way)
    {
        using var host = new MountedHost(way);
        host.Run("mkdir d && for i in $(seq 50); do echo $i > d/$i; done && ls -lR . > /dev/null && cat d/* > /dev/null && rm -r d");
        host.AskUntil("held", "(0, 0, 0)");
    }

    [Fact]
    public void A_clean_end_leaves_no_mount()
    {
        using var host = new MountedHost();
        host.Run("echo x > f");
        Assert.Equal(0, host.Close());
        Assert.False(host.IsMounted());
        Assert.Equal("", host.Errors.Trim());
    }

    [Fact]
    public void A_busy_mount_refuses_and_then_can_be_aborted()
    {
        using var host = new MountedHost();
        string busy = Shell.Run(host.MountPoint, "touch f; exec 3<f; (sleep 20; :) 3<&3 >/dev/null 2>&1 & echo $!").Output;
        Assert.Equal("EBUSY", host.Ask("unmount Normal"));
        Assert.Equal("None", host.Ask("unmount Abort"));
        Assert.Equal("ended", host.Ask("wait"));
        Assert.False(host.IsMounted());
        Shell.Run("/", $"pkill -P {busy}; kill {busy}");
    }

    [Fact]
    public void An_unmount_by_somebody_else_ends_the_session()
    {
        using var host = new MountedHost();
        Shell.Must("/", $"umount '{host.MountPoint}'");
        Assert.Equal("ended", host.Ask("wait"));
        Assert.Equal("None", host.Ask("unmount Normal"));
    }

    [Fact]
    public void A_dead_daemon_leaves_a_stale_mount_that_can_be_found_and_detached()
    {
        using var host = new MountedHost();
        Assert.False(StaleMount.IsStale("/"));
        host.Kill();
        Assert.True(StaleMount.IsStale(host.MountPoint));
        var options = new FuseMountOptions { Source = "s", SubType = "t" };
        Assert.Equal(Errno.ENOTCONN, Assert.Throws<FuseException>(() => FuseSession.Mount(host.MountPoint, options, new ScriptedFileSystem())).Error);
        Assert.Equal(Errno.None, StaleMount.DetachIfStale(host.MountPoint));
        Assert.False(host.IsMounted());
    }

    [Fact]
    public void A_mount_point_that_is_none_is_refused()
    {
        var options = new FuseMountOptions { Source = "s", SubType = "t" };
        Assert.Equal(Errno.ENOTDIR, Assert.Throws<FuseException>(() => FuseSession.Mount("/nonexistent/folder", options, new ScriptedFileSystem())).Error);
        Assert.Throws<ArgumentOutOfRangeException>(() => FuseSession.Mount("/", options with { ReaderThreads = 17 }, new ScriptedFileSystem()));
        Assert.Throws<ArgumentOutOfRangeException>(() => FuseSession.Mount("/", options with { ReadAheadBytes = 5000 }, new ScriptedFileSystem()));
    }

    [Fact]
    public void The_kernel_reads_ahead_as_far_as_the_mounter_asks()
    {
        using var host = new MountedHost();
        string setting = host.Run("echo /sys/class/bdi/$(stat -c %Hd:%Ld .)/read_ahead_kb");
        Assert.SkipUnless(host.Run($"test -w {setting} && echo yes || echo no") == "yes", "/sys can't be written here");
        Assert.Equal("512", host.Run($"cat {setting}"));
    }

    [Fact]
    public void Fusermount_mounts_as_well()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/fusermount3") || File.Exists("/bin/fusermount3"), "fusermount3 is not installed");
        using var host = new MountedHost("--fusermount");
        host.Run("echo hello > f && test \"$(cat f)\" = hello");
        string line = File.ReadLines("/proc/mounts").Single(line => line.Contains(host.MountPoint, StringComparison.Ordinal));
        Assert.StartsWith(@"afs,fuse\134tests ", line);
        Assert.Equal(0, host.Close());
        Assert.False(host.IsMounted());
    }

    [Fact]
    public void The_example_of_the_readme_runs()
    {
        MountedHost.SkipUnlessMountsArePossible();
        string folder = Directory.CreateTempSubdirectory("afs-fuse-hello-").FullName;
        try
        {
            string script = $"dotnet '{MountedHost.HostPath("Fuse.Hello.dll")}' '{folder}' & host=$!; "
                + $"for i in $(seq 100); do grep -q '{folder}' /proc/mounts && break; sleep 0.1; done; "
                + $"cat '{folder}/hello'; ls '{folder}'; umount '{folder}'; wait $host";
            Assert.Equal("Hello from user space\nhello", Shell.Must("/", script));
        }
        finally
        {
            Shell.Run("/", $"umount -l '{folder}'");
            Directory.Delete(folder);
        }
    }
}

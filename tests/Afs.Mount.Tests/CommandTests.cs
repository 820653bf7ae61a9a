using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>The `venus` command: its exit codes and its daemon in the background.</summary>
public sealed class CommandTests
{
    private static readonly string Venus = Path.Combine(AppContext.BaseDirectory, "venus");

    [Fact]
    public async Task A_mount_in_the_background_is_ready_when_the_command_returns_and_ends_by_unmount()
    {
        using Cell cell = await Cell.StartAsync();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-background-");
        string mountPoint = folder.CreateSubdirectory("mnt").FullName;
        try
        {
            CommandResult mounted = Commands.Run(Venus, "mount", cell.Address, mountPoint, "--cache", Path.Combine(folder.FullName, "cache"));
            Assert.True(mounted.ExitCode == 0, mounted.Errors);
            Assert.True(MountTable.IsMounted(mountPoint));
            Assert.Equal(0, Commands.Run("sh", "-c", $"echo text > {mountPoint}/f").ExitCode);

            CommandResult unmounted = Commands.Run(Venus, "unmount", mountPoint);

            Assert.True(unmounted.ExitCode == 0, unmounted.Errors);
            Assert.False(MountTable.IsMounted(mountPoint));
        }
        finally
        {
            MountTable.TakeAway(mountPoint);
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData(4, "nowhere:port:what", "exists")]
    [InlineData(3, "unix:/nonexistent/socket", "exists")]
    [InlineData(6, "unix:/nonexistent/socket", "missing")]
    [InlineData(6, "unix:/nonexistent/socket", "file")]
    [InlineData(6, "unix:/nonexistent/socket", "full")]
    public void What_is_wrong_is_said_in_one_line_with_an_exit_code(int code, string server, string mountPoint)
    {
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/dev/fuse"), "Mounting needs root and /dev/fuse.");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-command-");
        try
        {
            folder.CreateSubdirectory("exists");
            File.WriteAllText(Path.Combine(folder.CreateSubdirectory("full").FullName, "f"), "");
            File.WriteAllText(Path.Combine(folder.FullName, "file"), "");

            CommandResult result = Commands.Run(
                Venus, "mount", server, Path.Combine(folder.FullName, mountPoint), "--cache", Path.Combine(folder.FullName, "cache"), "--timeout", "1", "--foreground", "--log-level", "Error");

            Assert.True(result.ExitCode == code, $"{result.ExitCode}: {result.Output}{result.Errors}");
            Assert.StartsWith("venus: ", result.Errors);
            Assert.Single(result.Errors.TrimEnd().Split('\n'));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_cache_in_use_is_refused_and_a_stale_mount_is_taken_away_by_force()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        DirectoryInfo other = Directory.CreateTempSubdirectory("afs-other-");
        try
        {
            CommandResult inUse = Commands.Run(Venus, "mount", cell.Address, other.FullName, "--cache", a.Cache);
            Assert.Equal(8, inUse.ExitCode);
            Assert.Contains(a.Daemon.Id.ToString(), inUse.Errors);
        }
        finally
        {
            MountTable.TakeAway(other.FullName);
            other.Delete();
        }

        a.Daemon.Kill();
        Assert.Equal(7, a.Unmount().ExitCode);
        Assert.Equal(0, a.Unmount("--force").ExitCode);
        Assert.False(MountTable.IsMounted(a.MountPoint));
    }

    [Fact]
    public async Task A_mount_in_use_is_not_unmounted_but_by_force()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        using System.Diagnostics.Process user = Commands.Start("sh", "-c", "cd \"$1\"; echo there; read -r _", "sh", a.MountPoint);
        Assert.Equal("there", await user.StandardOutput.ReadLineAsync());

        Assert.Equal(13, a.Unmount().ExitCode);
        Assert.True(MountTable.IsMounted(a.MountPoint));
        Assert.Equal(0, a.Unmount("--force").ExitCode);

        user.Kill();
        Assert.Equal(0, a.Daemon.WaitForEnd());
    }

    [Theory]
    [InlineData("runs", 0)]
    [InlineData("is dead", 9)]
    [InlineData("is silent", 19)]
    public async Task The_daemon_ends_with_the_mount_whatever_the_server_does(string server, int signal)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        Script.Run(a, "put(a + '/f', b'stored'); assert get(a + '/f') == b'stored'");
        if (signal != 0)
            cell.Server.Signal(signal);

        CommandResult unmounted = a.Unmount();

        Assert.True(unmounted.ExitCode == 0, $"The server {server}: {unmounted.Errors}");
        Assert.Equal(0, a.Daemon.WaitForEnd());
        Assert.DoesNotContain("wait for their answers", a.Daemon.Output);
    }

    [Fact]
    public async Task A_clean_end_leaves_no_session_and_no_promise_at_the_server_nor_does_asking_its_status()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        Script.Run(a, "put(a + '/f', b'text'); os.stat(a + '/f')");
        Assert.True(cell.ReadServerFigure("promises") > 0);

        Assert.Equal(0, a.Unmount().ExitCode);

        Assert.Equal(0, cell.ReadServerFigure("promises"));
        Assert.Equal(1, cell.ReadServerFigure("sessions")); // Of the command that asks.
        Assert.Equal(0, cell.ReadServerFigure("sessions.lapsed"));
    }

    [Fact]
    public async Task A_signal_stores_and_unmounts()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();

        Assert.Equal(0, a.Daemon.Terminate());

        Assert.False(MountTable.IsMounted(a.MountPoint));
    }
}

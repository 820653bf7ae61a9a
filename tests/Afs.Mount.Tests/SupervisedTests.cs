using System.Diagnostics;
using System.Text.Json;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>`venus mount --supervised`: the daemon is killed, and what is open goes on under the next.</summary>
public sealed class SupervisedTests
{
    private static readonly string Venus = Path.Combine(AppContext.BaseDirectory, "venus");

    /// <summary>Opens everything, kills the daemon, and goes on with what is open. `b` is the file that names the daemon's process.</summary>
    private const string Survives = """
        import signal
        os.mkdir(a + '/d')
        for i in range(300): put(f'{a}/d/f{i}', str(i).encode())
        put(a + '/r', bytes(range(256)) * 1000)
        r = open(a + '/r', 'rb', 0)
        mapped = mmap.mmap(r.fileno(), 0, prot=mmap.PROT_READ)
        w = os.open(a + '/w', os.O_CREAT | os.O_RDWR); os.write(w, b'before ')
        u = os.open(a + '/u', os.O_CREAT | os.O_RDWR, 0o640); os.write(u, b'unlinked'); os.unlink(a + '/u')
        locked = os.open(a + '/r', os.O_RDWR); fcntl.flock(locked, fcntl.LOCK_EX)
        listing = os.scandir(a + '/d'); names = [next(listing).name for _ in range(5)]
        folder = os.open(a + '/d', os.O_RDONLY)
        r.seek(10)
        os.kill(int(open(b).read()), signal.SIGKILL)
        assert r.read() == (bytes(range(256)) * 1000)[10:] and mapped[300:303] == bytes([44, 45, 46])
        os.write(w, b'after'); os.fsync(w)
        assert os.pread(w, 100, 0) == b'before after' and os.fstat(w).st_size == 12
        s = os.fstat(u)
        assert os.pread(u, 100, 0) == b'unlinked' and (s.st_mode & 0o7777, s.st_nlink, s.st_size) == (0o640, 0, 8)
        os.write(u, b' more'); assert os.pread(u, 100, 0) == b'unlinked more'; os.close(u)
        names += [e.name for e in listing]
        assert sorted(names) == sorted(os.listdir(folder)) and len(names) == 300
        other = os.open(a + '/r', os.O_RDONLY); fails(errno.EWOULDBLOCK, fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(w); assert get(a + '/w') == b'before after'
        os.rename(a + '/w', a + '/w2'); put(a + '/new', b'new'); assert get(a + '/new') == b'new'
        assert sorted(os.listdir(a)) == ['d', 'new', 'r', 'w2']
        """;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_is_open_goes_on_when_the_daemon_is_killed(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised", "--io", io), other = await cell.MountAsync();

        RunOn(a, Survives);

        Script.Run(other, "assert get(a + '/w2') == b'before after' and get(a + '/new') == b'new' and not os.path.exists(a + '/u')");
        Assert.Equal(1, a.ReadStatus().GetProperty("restarts").GetInt32());
        Assert.Equal(a.Daemon.Id, a.ReadStatus().GetProperty("supervisorId").GetInt32());
        Assert.False(Directory.Exists(Path.Combine(a.Cache, "recovered")));
        Assert.Equal(0, a.Unmount().ExitCode);
        Assert.Equal(0, a.Daemon.WaitForEnd());
        Assert.False(MountTable.IsMounted(a.MountPoint));
    }

    [Fact]
    public async Task A_directory_that_is_open_is_listed_anew_by_rewinddir_after_another_client_changed_it_meanwhile()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised"), other = await cell.MountAsync();
        Script.Run(other, "os.mkdir(a + '/d'); put(a + '/d/before', b''); put(a + '/d/gone', b'')");
        using Process reader = Commands.Start("python3", "-c", """
            import ctypes, os, sys
            libc = ctypes.CDLL(None, use_errno=True)
            libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
            libc.readdir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
            folder = libc.opendir(sys.argv[1].encode())
            def names():
                found = []
                while entry := libc.readdir(folder):
                    found.append(ctypes.string_at(entry + 19).decode())
                return sorted(set(found) - {'.', '..'})
            assert names() == ['before', 'gone']
            libc.rewinddir(folder)
            print(' '.join(names()), flush=True)
            sys.stdin.readline()
            libc.rewinddir(folder)
            print(' '.join(names()), flush=True)
            """, a["d"]);
        Assert.Equal("before gone", await reader.StandardOutput.ReadLineAsync());

        Commands.Run("kill", "-9", Commands.Run("pgrep", "-P", a.Daemon.Id.ToString()).Output.Trim());
        Script.Run(other, "put(a + '/d/new', b''); os.unlink(a + '/d/gone')");
        Assert.True(await Eventually.IsAsync(() => a.TryReadStatus()?.GetProperty("restarts").GetInt32() == 1));
        await reader.StandardInput.WriteLineAsync();

        Assert.Equal("before new", await reader.StandardOutput.ReadLineAsync());
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_process_that_reads_and_writes_all_the_time_notices_nothing(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised", "--io", io);
        using Process busy = Commands.Start("python3", "-c", """
            import os, sys, time
            fd = os.open(sys.argv[1] + '/log', os.O_CREAT | os.O_RDWR)
            print('begun', flush=True)
            for i in range(3000):
                os.pwrite(fd, b'%08d' % i, i * 8)
                assert os.pread(fd, 8, i * 8) == b'%08d' % i
                if i % 100 == 0: os.fsync(fd); os.stat(sys.argv[1] + '/log'); os.listdir(sys.argv[1])
                time.sleep(0.001)
            os.close(fd)
            data = open(sys.argv[1] + '/log', 'rb').read()
            assert data == b''.join(b'%08d' % i for i in range(3000)), len(data)
            """, a.MountPoint);
        Assert.Equal("begun", await busy.StandardOutput.ReadLineAsync());

        for (int kill = 1; kill <= 3; kill++)
        {
            RunOn(a, "os.kill(int(open(b).read()), 9)");
            Assert.True(await Eventually.IsAsync(() => Restarts(a) == kill));
        }

        Assert.True(await Eventually.IsAsync(() => busy.HasExited));
        Assert.True(busy.ExitCode == 0, await busy.StandardError.ReadToEndAsync() + a.Daemon.Output);
        Client other = await cell.MountAsync();
        Script.Run(other, "assert len(get(a + '/log')) == 24000");
    }

    [Fact]
    public async Task Another_clients_changes_during_the_change_of_daemons_are_seen()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised"), other = await cell.MountAsync();
        Script.Run(a, "put(a + '/f', b'old'); put(a + '/gone', b''); get(a + '/f'); os.stat(a + '/gone'); os.listdir(a)");
        using Process holder = Commands.Start("python3", "-c", "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()", a["f"]);
        Assert.Equal("open", await holder.StandardOutput.ReadLineAsync());

        RunOn(a, "os.kill(int(open(b).read()), 9)");
        Script.Run(other, a, "put(a + '/f', b'newer'); os.unlink(a + '/gone'); os.rename(a + '/f', a + '/g'); assert get(b + '/g') == b'newer' and os.listdir(b) == ['g']");

        holder.Kill();
    }

    [Fact]
    public async Task Without_a_server_the_next_daemon_takes_over_all_the_same()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised");
        Script.Run(a, "put(a + '/f', b'text')");
        using Process holder = Commands.Start(
            "python3", "-c", "import os, sys; f = os.open(sys.argv[1], os.O_RDWR); print('open', flush=True); sys.stdin.readline(); os.pwrite(f, b'TEXT', 0); print(os.pread(f, 9, 0), flush=True); sys.stdin.readline(); os.close(f)", a["f"]);
        Assert.Equal("open", await holder.StandardOutput.ReadLineAsync());
        cell.KillServer();

        RunOn(a, "os.kill(int(open(b).read()), 9)");
        holder.StandardInput.WriteLine();
        Assert.Equal("b'TEXT'", await holder.StandardOutput.ReadLineAsync());
        await cell.RestartServerAsync();
        holder.StandardInput.WriteLine();

        Assert.True(await Eventually.IsAsync(() => holder.HasExited));
        Assert.Equal(0, holder.ExitCode);
        Client other = await cell.MountAsync();
        Script.Run(other, "assert get(a + '/f') == b'TEXT'");
    }

    [Fact]
    public async Task A_daemon_that_dies_again_and_again_is_given_up_and_nobody_hangs()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised");
        int supervisor = a.Daemon.Id;
        using Process user = Commands.Start("python3", "-c", "import os, sys; print('there', flush=True)\nwhile True: os.path.exists(sys.argv[1] + '/x')", a.MountPoint);
        try
        {
            Assert.Equal("there", await user.StandardOutput.ReadLineAsync());
            Assert.True(await Eventually.IsAsync(() =>
            {
                Commands.Run("pkill", "-9", "-P", supervisor.ToString());
                return a.Daemon.HasEnded;
            }));

            Assert.Equal(1, a.Daemon.WaitForEnd());
            Assert.False(MountTable.IsMounted(a.MountPoint));
        }
        finally
        {
            user.Kill();
        }
        Assert.True(await Eventually.IsAsync(() => user.HasExited));
    }

    /// <summary>Also where it dies between its mount and its word that it is ready: then there is nothing that another could take over.</summary>
    [Fact]
    public async Task Daemons_that_die_as_soon_as_they_have_mounted_leave_no_mount()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised");
        string supervisor = a.Daemon.Id.ToString();
        Assert.True(await Eventually.IsAsync(() =>
        {
            Commands.Run("pkill", "-9", "-P", supervisor);
            return a.Daemon.HasEnded;
        }));
        Assert.Equal(1, a.Daemon.WaitForEnd());
        Assert.False(MountTable.IsMounted(a.MountPoint));
    }

    [Fact]
    public async Task In_the_background_it_is_ready_when_the_command_returns_and_ends_by_a_signal()
    {
        using Cell cell = await Cell.StartAsync();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-supervised-");
        string mountPoint = folder.CreateSubdirectory("mnt").FullName, cache = Path.Combine(folder.FullName, "cache");
        try
        {
            CommandResult mounted = Commands.Run(Venus, "mount", cell.Address, mountPoint, "--cache", cache, "--supervised");
            Assert.True(mounted.ExitCode == 0, mounted.Errors);
            Assert.Equal(0, Commands.Run("sh", "-c", $"echo text > {mountPoint}/f").ExitCode);
            Commands.Run("kill", "-9", File.ReadAllText(Path.Combine(cache, "pid")).Trim());
            Assert.Equal("text\n", Commands.Run("cat", mountPoint + "/f").Output);
            CommandResult status = Commands.Run(Venus, "status", mountPoint);
            Assert.Matches("supervised by [0-9]+, restarted 1 times", status.Output);
            string supervisor = System.Text.RegularExpressions.Regex.Match(status.Output, "supervised by ([0-9]+)").Groups[1].Value;

            Commands.Run("kill", "-TERM", supervisor);

            Assert.True(await Eventually.IsAsync(() => !Directory.Exists($"/proc/{supervisor}")));
            Assert.False(MountTable.IsMounted(mountPoint));
        }
        finally
        {
            MountTable.TakeAway(mountPoint);
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_is_wrong_at_the_start_is_said_with_the_exit_code_of_the_daemon()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-supervised-");
        try
        {
            CommandResult inUse = Commands.Run(Venus, "mount", cell.Address, folder.FullName, "--cache", a.Cache, "--supervised");
            Assert.True(inUse.ExitCode == 8, inUse.Errors);
            Assert.Contains("is in use", inUse.Errors);
            CommandResult noServer = Commands.Run(Venus, "mount", "unix:/nonexistent/socket", folder.FullName, "--cache", a.Cache + "2", "--timeout", "1", "--supervised", "-f");
            Assert.Equal(3, noServer.ExitCode);
        }
        finally
        {
            MountTable.TakeAway(folder.FullName);
            folder.Delete(recursive: true);
        }
    }

    /// <summary>-1: no daemon answers at this moment.</summary>
    private static int Restarts(Client client)
    {
        CommandResult status = Commands.Run(Venus, "status", client.MountPoint, "--json");
        return status.ExitCode == 0 ? JsonDocument.Parse(status.Output).RootElement[0].GetProperty("restarts").GetInt32() : -1;
    }

    /// <summary>`b` is the file that names the process of the daemon.</summary>
    private static void RunOn(Client a, string code) => Script.Run(a, a, "b = '" + Path.Combine(a.Cache, "pid") + "'\n" + code);
}

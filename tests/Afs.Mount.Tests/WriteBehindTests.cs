using System.Diagnostics;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>
/// `--write-behind` on real mounts (contract S1, S4, S9). With an age of a minute nothing goes to the server but for who asks, so what another client sees it sees by a recall.
/// </summary>
public sealed class WriteBehindTests
{
    private static readonly string[] Minute = ["--write-behind", "60s"];

    /// <summary>Waits out the lease of a client that is lost.</summary>
    private static readonly string[] Patient = ["--timeout", "90"];

    /// <summary>Everything that a program can do to a tree, in a folder that is made first.</summary>
    private const string Tree = """
        def make(at):
            os.mkdir(at)
            os.mkdir(at + '/d')
            put(at + '/d/f', b'first')
            put(at + '/d/f', b'second')
            put(at + '/d/g', b'x' * 5000)
            os.link(at + '/d/g', at + '/d/h')
            os.symlink('d/f', at + '/s')
            os.rename(at + '/d/f', at + '/moved')
            put(at + '/d/f', b'third')
            os.rename(at + '/d/f', at + '/moved')
            os.chmod(at + '/d/g', 0o640)
            os.utime(at + '/d/g', (1000, 2000))
            os.setxattr(at + '/d/g', 'user.x', b'value')
            os.mkfifo(at + '/p')
            put(at + '/gone', b'gone')
            os.unlink(at + '/gone')
            os.mkdir(at + '/gone')
            os.rmdir(at + '/gone')
            os.truncate(at + '/d/h', 100)
        def check(at):
            assert sorted(os.listdir(at)) == ['d', 'moved', 'p', 's'], os.listdir(at)
            assert sorted(os.listdir(at + '/d')) == ['g', 'h'], os.listdir(at + '/d')
            assert get(at + '/moved') == b'third'
            assert get(at + '/d/g') == b'x' * 100
            st = os.stat(at + '/d/g')
            assert (st.st_nlink, st.st_mode & 0o7777, st.st_size) == (2, 0o640, 100), st
            assert os.getxattr(at + '/d/h', 'user.x') == b'value'
            assert os.readlink(at + '/s') == 'd/f'
            assert stat.S_ISFIFO(os.stat(at + '/p').st_mode)
            assert os.stat(at).st_nlink == 3

        """;

    [Fact]
    public async Task S1_what_is_done_here_is_seen_there_at_once_though_nothing_was_sent()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync(Minute);
        Script.Run(a, b, Tree + """
            for i in range(rounds):
                x, y = (a, b) if i % 2 == 0 else (b, a)
                make(f'{x}/t{i}')
                check(f'{y}/t{i}')
                check(f'{x}/t{i}')
            """, rounds: 2);
    }

    [Fact]
    public async Task S4_what_was_synced_is_at_the_server_and_all_that_was_before_it()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync(Patient);
        Script.Run(a, Tree + """
            make(a + '/before')
            fd = os.open(a + '/f', os.O_CREAT | os.O_WRONLY)
            os.write(fd, b'synced')
            os.fsync(fd)
            """);
        long waiting = a.ReadStatus().GetProperty("figures").GetProperty("behind.changes").GetInt64();
        Assert.Equal(0, waiting);

        a.Daemon.Kill();
        Directory.Delete(a.Cache, recursive: true);

        Script.Run(b, Tree + "check(a + '/before'); assert get(a + '/f') == b'synced'");
    }

    [Fact]
    public async Task S9_a_killed_client_goes_on_with_all_that_it_did()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync(Minute);
        Script.Run(a, Tree + "make(a + '/t'); make(a + '/u')");
        Assert.NotEqual(0, a.ReadStatus().GetProperty("figures").GetProperty("behind.changes").GetInt64());

        a.Daemon.Kill();
        await a.StartAgainAsync();

        Script.Run(a, b, Tree + """
            check(a + '/t')
            check(b + '/t')
            check(b + '/u')
            """);
    }

    [Fact]
    public async Task S9_others_see_a_prefix_of_what_a_lost_client_did()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--write-behind", "20ms"), b = await cell.MountAsync(Patient);
        using Process worker = Commands.Start("python3", "-c", """
            import os, sys
            at = sys.argv[1]
            for i in range(100000):
                os.mkdir(f'{at}/d{i}')
                with open(f'{at}/d{i}/f', 'w') as f: f.write(str(i))
                os.rename(f'{at}/d{i}', f'{at}/e{i}')
                if i == 200: print('goes', flush=True)
            """, a.MountPoint);
        Assert.Equal("goes", await worker.StandardOutput.ReadLineAsync());

        a.Daemon.Kill();
        Directory.Delete(a.Cache, recursive: true);

        Script.Run(b, """
            names = os.listdir(a)
            done = sorted(int(n[1:]) for n in names if n[0] == 'e')
            assert done == list(range(len(done))), done
            rest = [n for n in names if n[0] != 'e']
            assert rest in ([], [f'd{len(done)}']), rest
            for i in done:
                assert get(f'{a}/e{i}/f') == str(i).encode(), i
            assert len(done) > 0
            """);
    }

    [Fact]
    public async Task What_the_server_refuses_is_kept_as_a_tree_and_told_once_to_each_descriptor()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync(Patient);
        Script.Run(a, b, $$"""
            import errno, signal
            def told(fd):
                try:
                    os.fsync(fd)
                    return False
                except OSError as e:
                    assert e.errno == errno.EIO, e
                    return True
            os.mkdir(a + '/t')
            os.mkdir(a + '/t/d')
            put(a + '/t/d/f', b'mine')
            file = os.open(a + '/t/d/f', os.O_RDWR)
            folder = os.open(a, os.O_RDONLY)
            os.kill({{a.Daemon.Id}}, signal.SIGSTOP)
            os.mkdir(b + '/t')
            put(b + '/t/theirs', b'theirs')
            os.kill({{a.Daemon.Id}}, signal.SIGCONT)
            assert told(file) and not told(file)
            assert told(folder) and not told(folder)
            assert not told(os.open(a, os.O_RDONLY))
            assert os.listdir(a + '/t') == ['theirs'], os.listdir(a + '/t')
            """);

        string tree = Assert.Single(Directory.GetDirectories(Path.Combine(a.Cache, "recovered")));
        string kept = Assert.Single(Directory.GetFiles(tree, "f", SearchOption.AllDirectories));
        Assert.Equal("mine", File.ReadAllText(kept));
        Assert.EndsWith("/t/d/f", kept, StringComparison.Ordinal);
        CommandResult listed = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "recovered", a.MountPoint);
        Assert.Contains("Create of", listed.Output, StringComparison.Ordinal);
        Assert.Contains(kept, listed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_server_loses_nothing_and_others_see_nothing_old()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync(Minute);
        Script.Run(a, b, Tree + """
            make(a + '/t')
            check(b + '/t')
            make(a + '/u')
            """);

        cell.KillServer();
        await cell.RestartServerAsync();

        Script.Run(a, b, Tree + """
            check(b + '/u')
            make(a + '/v')
            check(b + '/v')
            """);
    }

    [Fact]
    public async Task A_file_that_is_synchronous_and_a_directory_that_is_synced_wait_for_the_server()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute);
        Script.Run(a, """
            fd = os.open(a + '/s', os.O_CREAT | os.O_WRONLY | os.O_DSYNC)
            os.write(fd, b'x')
            """);
        Assert.Equal(0, a.ReadStatus().GetProperty("figures").GetProperty("behind.changes").GetInt64());
        Script.Run(a, """
            os.mkdir(a + '/d')
            os.fsync(os.open(a, os.O_RDONLY))
            """);
        Assert.Equal(0, a.ReadStatus().GetProperty("figures").GetProperty("behind.changes").GetInt64());
    }

    [Fact]
    public async Task An_unmount_sends_what_waits()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync();
        Script.Run(a, Tree + "make(a + '/t')");
        Assert.Equal(0, a.Unmount().ExitCode);
        Directory.Delete(a.Cache, recursive: true);
        Script.Run(b, Tree + "check(a + '/t')");
    }

    [Fact]
    public async Task A_mount_without_it_sends_what_one_with_it_left()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(Minute), b = await cell.MountAsync();
        Script.Run(a, Tree + "make(a + '/t')");
        a.Daemon.Kill();
        MountTable.TakeAway(a.MountPoint);
        CommandResult mounted = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "mount", cell.Address, a.MountPoint, "--cache", a.Cache);
        Assert.True(mounted.ExitCode == 0, mounted.Errors);

        Script.Run(a, b, Tree + "check(b + '/t'); check(a + '/t')");

        Assert.Equal(0, a.Unmount().ExitCode);
    }
}

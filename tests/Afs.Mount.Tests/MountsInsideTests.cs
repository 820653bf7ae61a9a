using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What is mounted inside a mount, or stands on it, stays while other clients work, also over everything that takes all names back.</summary>
public sealed class MountsInsideTests
{
    private const int Kill = 9, Stop = 19, Continue = 18;

    /// <summary>Makes a tree with mounts inside, and says whether they stand: by name, and that what is written there doesn't get to the other client.</summary>
    private const string Tree = """
        import subprocess, time
        def run(*words):
            result = subprocess.run(words, capture_output=True, text=True)
            assert result.returncode == 0, (words, result.stderr)
            return result.stdout
        def attempt(what):
            try:
                what()
            except OSError:
                pass
        outside = os.path.dirname(a) + '/outside'
        tree = a + '/r/root'
        inside = [tree + '/tmp', tree + '/bind', tree + '/etc/hosts', tree + '/deep/er/proc']
        def mount_all():
            for name in ('tmp', 'bind', 'etc', 'deep/er/proc', 'lower'):
                os.makedirs(tree + '/' + name, exist_ok=True)
            os.makedirs(outside + '/dir', exist_ok=True)
            put(tree + '/etc/hosts', b'shared'); put(tree + '/lower/f', b'lower'); put(outside + '/hosts', b'own'); put(outside + '/dir/here', b'')
            run('mount', '-t', 'tmpfs', 'inside', tree + '/tmp')
            run('mount', '--bind', outside + '/dir', tree + '/bind')
            run('mount', '--bind', outside + '/hosts', tree + '/etc/hosts')
            run('mount', '-t', 'proc', 'inside', tree + '/deep/er/proc')
            put(tree + '/tmp/mark', b'')
        def check(when):
            table = run('cat', '/proc/self/mounts')
            missing = [m for m in inside if ' %s ' % m not in table]
            assert not missing, (when, missing)
            assert get(tree + '/etc/hosts') == b'own', (when, get(tree + '/etc/hosts'))
            assert os.listdir(tree + '/tmp') == ['mark'], (when, os.listdir(tree + '/tmp'))
            assert os.listdir(tree + '/bind') == ['here'], (when, os.listdir(tree + '/bind'))
            assert os.path.exists(tree + '/deep/er/proc/self/stat'), when
            other = b + '/r/root'
            assert get(other + '/etc/hosts') == b'shared' and os.listdir(other + '/tmp') == [] and os.listdir(other + '/deep/er/proc') == [], when
        def unmount_all():
            for m in reversed(inside):
                subprocess.run(['umount', '-l', m], capture_output=True)

        """;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_is_mounted_inside_stays_while_another_client_works(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Tree + """
            try:
                mount_all()
                check('at first')
                for i in range(60):
                    put(b + '/r/n%d' % i, b'x'); put(b + '/r/root/f%d' % i, b'x')
                    put(b + '/r/root/etc/hosts', b'shared')
                    os.rename(b + '/r/n%d' % i, b + '/r/m'); os.rename(b + '/r/root/f%d' % i, b + '/r/root/deep/g%d' % i)
                    os.mkdir(b + '/d%d' % i); os.chmod(b + '/r/root', 0o700 + i % 8)
                    os.listdir(a + '/r'); os.listdir(tree); attempt(lambda: os.stat(tree + '/f%d' % i)); attempt(lambda: os.mkdir(tree + '/deep/h%d' % i))
                    check(i)
            finally:
                unmount_all()
            """);
    }

    [Fact]
    public async Task What_is_mounted_inside_stays_while_two_clients_change_one_directory()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, Tree + """
            work = '''
            import os, sys
            for i in range(200):
                name = sys.argv[1] + '/' + sys.argv[2] + str(i % 9)
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY)); os.stat(name); os.rename(name, name + 'x'); os.unlink(name + 'x')
            '''.replace('\n            ', '\n')
            try:
                mount_all()
                os.mkdir(a + '/r/both')
                for place in ('/r/both', '/r/root', '/r/root/deep'):
                    workers = [subprocess.Popen(['python3', '-c', work, mount + place, who]) for mount, who in ((a, 'a'), (b, 'b'))]
                    while any(w.poll() is None for w in workers):
                        check('while both work')
                    assert [w.returncode for w in workers] == [0, 0]
                check('afterwards')
            finally:
                unmount_all()
            """);
    }

    [Fact]
    public async Task What_is_mounted_inside_stays_over_a_restart_of_the_server_and_a_lost_lease()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--timeout", "40"), b = await cell.MountAsync("--timeout", "40");

        Script.Run(a, b, Tree + "mount_all(); check('at first')");
        try
        {
            await cell.RestartServerAsync();
            Script.Run(a, b, Tree + "check('after a restart')");
            cell.Server.Signal(Stop);
            await Task.Delay(TimeSpan.FromSeconds(14), TestContext.Current.CancellationToken);
            Assert.False(a.ReadStatus().GetProperty("hasLease").GetBoolean());
            cell.Server.Signal(Continue);
            Script.Run(a, b, Tree + "check('after a lost lease'); put(b + '/r/root/new', b''); check('after a change')");
            cell.KillServer();
            await cell.RestartServerAsync();
            Script.Run(a, b, Tree + "check('after a crash')");
        }
        finally
        {
            Script.Run(a, b, Tree + "unmount_all()");
        }
    }

    [Fact]
    public async Task What_is_mounted_inside_stays_when_a_supervised_daemon_is_replaced()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised"), b = await cell.MountAsync();

        Script.Run(a, b, Tree + "mount_all(); check('at first')");
        try
        {
            for (int round = 0; round < 3; round++)
            {
                int daemon = a.ReadStatus().GetProperty("processId").GetInt32();
                Commands.Run("kill", $"-{Kill}", daemon.ToString());
                await a.Daemon.WaitUntilAsync(() => a.TryReadStatus()?.GetProperty("processId").GetInt32() is { } next && next != daemon);
                Script.Run(a, b, Tree + "check('after a take-over'); attempt(lambda: os.mkdir(b + '/r/root/new')); check('after a change')");
            }
        }
        finally
        {
            Script.Run(a, b, Tree + "unmount_all()");
        }
    }

    [Fact]
    public async Task What_is_mounted_inside_stays_when_the_next_daemon_comes_after_the_end_of_the_lease()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised", "--timeout", "60"), b = await cell.MountAsync("--timeout", "60");

        Script.Run(a, b, Tree + "mount_all(); put(a + '/r/moves', b'old'); os.listdir(a + '/r'); os.stat(a + '/r/moves'); check('at first')");
        try
        {
            string daemon = a.ReadStatus().GetProperty("processId").GetInt32().ToString();
            Commands.Run("kill", $"-{Kill}", daemon);
            string next = "";
            await a.Daemon.WaitUntilAsync(() => (next = Commands.Run("pgrep", "-P", a.Daemon.Id.ToString()).Output.Trim()) is not "" && next != daemon);
            Commands.Run("kill", $"-{Stop}", next);
            Script.Run(a, b, """
                import subprocess, time
                put(b + '/r/moves', b'new'); os.rename(b + '/r/moves', b + '/r/moved')
                reader = subprocess.Popen(['cat', a + '/r/moves'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                time.sleep(1)
                assert reader.poll() is None, 'a name was believed after the end of the lease: ' + repr(reader.communicate())
                """);
            Commands.Run("kill", $"-{Continue}", next);
            Script.Run(a, b, Tree + "check('after a late take-over'); assert not os.path.exists(a + '/r/moves'); assert open(a + '/r/moved').read() == 'new'");
        }
        finally
        {
            Script.Run(a, b, Tree + "unmount_all()");
        }
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task An_overlayfs_above_a_mount_reads_on_while_another_client_works(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Tree + """
            merged = outside + '/merged'
            try:
                mount_all()
                os.makedirs(outside + '/over'); os.makedirs(merged)
                run('mount', '-t', 'tmpfs', 'over', outside + '/over')
                os.mkdir(outside + '/over/upper'); os.mkdir(outside + '/over/work')
                run('mount', '-t', 'overlay', 'over', '-o', 'lowerdir=%s/lower,upperdir=%s/over/upper,workdir=%s/over/work' % (tree, outside, outside), merged)
                held = os.open(merged + '/f', os.O_RDONLY)
                for i in range(60):
                    put(b + '/r/n%d' % i, b'x'); put(b + '/r/root/n%d' % i, b'x'); os.chmod(b + '/r/root/lower', 0o700 + i % 8)
                    assert get(merged + '/f') == b'lower' and os.listdir(merged)[0] == 'f'
                    os.stat(merged + '/f'); put(merged + '/mine%d' % i, b'x')
                os.close(held)
            finally:
                subprocess.run(['umount', '-l', merged], capture_output=True); subprocess.run(['umount', '-l', outside + '/over'], capture_output=True)
                unmount_all()
            """);
    }

    [Fact]
    public async Task A_chroot_on_a_mount_keeps_its_proc_and_dev()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, Tree + """
            inside = []
            root = a + '/chroot'
            try:
                for name in ('bin', 'lib', 'lib64', 'usr', 'dev', 'proc'):
                    if os.path.exists('/' + name):
                        os.makedirs(root + '/' + name)
                        run('mount', *(['-t', 'proc', 'proc'] if name == 'proc' else ['--rbind' if name == 'dev' else '--bind', '/' + name]), root + '/' + name)
                        inside.append(root + '/' + name)
                for i in range(20):
                    put(b + '/n%d' % i, b'x'); put(b + '/chroot/n%d' % i, b'x'); os.chmod(b + '/chroot', 0o750 + i % 8)
                    out = run('chroot', root, '/bin/sh', '-c', 'echo gone >/dev/null && read pid rest </proc/self/stat && cat /n%d' % i)
                    assert out == 'x', out
                assert os.listdir(b + '/chroot/proc') == [] and os.listdir(b + '/chroot/dev') == []
            finally:
                unmount_all()
            """);
    }
}

using System.Diagnostics;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>Locks of the cell when something dies or is cut off (contract S10).</summary>
public sealed class LostLockTests
{
    private static readonly string[] InCell = ["--locks", "cell"];

    /// <summary>Waits out the lease of a client that is lost.</summary>
    private static readonly string[] Patient = ["--locks", "cell", "--timeout", "90"];

    [Fact]
    public async Task The_locks_of_a_killed_client_are_free_when_its_lease_is_over()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(InCell), b = await cell.MountAsync(Patient);
        using var holder = new Holder(a, "os.O_RDWR | os.O_CREAT");

        a.Daemon.Kill();

        Script.Run(b, """
            fd = os.open(a + '/l', os.O_RDWR)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task After_a_restart_of_the_server_everybody_holds_what_he_held_and_waits_for_what_he_waited_for(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. Patient, "--io", io]), b = await cell.MountAsync([.. Patient, "--io", io]);
        using var first = new Holder(a, "os.O_RDWR | os.O_CREAT");
        using var token = new Holder(b, "os.O_RDWR | os.O_CREAT", name: "other");
        using Process second = Start(b, """
            fd = os.open(at + '/l', os.O_RDWR)
            print('asks', flush=True)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            print(os.pread(fd, 100, 0).decode(), flush=True)
            """);
        Assert.Equal("asks", await second.StandardOutput.ReadLineAsync());
        Task<string?> got = second.StandardOutput.ReadLineAsync();
        await Task.Delay(500);

        cell.KillServer();
        await cell.RestartServerAsync();

        Script.Run(a, b, """
            for root, name in ((b, 'l'), (a, 'other'), (a, 'l'), (b, 'other')):
                fd = os.open(root + '/' + name, os.O_RDWR)
                fails(errno.EAGAIN, fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            """);
        Assert.False(got.IsCompleted);
        first.Tell("os.pwrite(fd, b'by the first', 0); fcntl.lockf(fd, fcntl.LOCK_UN)");
        Assert.Equal("by the first", await got.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Who_was_cut_off_for_longer_than_his_lease_has_lost_his_lock_and_is_told_and_spoils_nothing(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. Patient, "--io", io]);
        using var holder = new Holder(a, "os.O_RDWR | os.O_CREAT");
        holder.Tell("os.pwrite(fd, b'by a', 0); os.fsync(fd); os.pwrite(fd, b'lost', 0)");

        a.Daemon.Signal(Stop);
        Script.Run(b, """
            fd = os.open(a + '/l', os.O_RDWR)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            assert os.pread(fd, 100, 0) == b'by a', os.pread(fd, 100, 0)
            os.pwrite(fd, b'by b', 0)
            fcntl.lockf(fd, fcntl.LOCK_UN)
            """);
        a.Daemon.Signal(Continue);

        holder.Tell("import time; time.sleep(3)");
        holder.Tell("fails(fcntl.lockf, fd, fcntl.LOCK_UN)");
        holder.Tell("fails(os.fsync, fd)");
        if (io == "daemon")
            holder.Tell("fails(os.pread, fd, 4, 0); fails(os.pwrite, fd, b'more', 0)");
        holder.Tell("fails(os.close, fd)");
        Script.Run(a, b, "assert get(a + '/l') == get(b + '/l') == b'by b', (get(a + '/l'), get(b + '/l'))");
        Script.Run(a, "fd = os.open(a + '/l', os.O_RDWR); fcntl.lockf(fd, fcntl.LOCK_EX); os.pwrite(fd, b'anew', 0); os.close(fd); assert get(a + '/l') == b'anew'");
        Assert.Equal("anew", File.ReadAllText(Path.Combine(b.MountPoint, "l")));
        Assert.NotEqual(0, a.ReadStatus().GetProperty("recoveredFiles").GetInt32());
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Locks_stay_when_a_supervised_daemon_is_killed(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--supervised", "--io", io]), b = await cell.MountAsync([.. Patient, "--io", io]);
        using var holder = new Holder(a, "os.O_RDWR | os.O_CREAT");
        int daemon = a.ReadStatus().GetProperty("processId").GetInt32();

        Commands.Run("kill", "-9", daemon.ToString());

        holder.Tell("os.pwrite(fd, b'after', 0)");
        Script.Run(b, """
            fd = os.open(a + '/l', os.O_RDWR)
            fails(errno.EAGAIN, fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            """);
        holder.Tell("fcntl.lockf(fd, fcntl.LOCK_UN)");
        Script.Run(b, """
            fd = os.open(a + '/l', os.O_RDWR)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            assert os.pread(fd, 100, 0) == b'after', os.pread(fd, 100, 0)
            """);
    }

    private const int Stop = 19, Continue = 18;

    private static Process Start(Client client, string code) => Commands.Start("python3", "-c", "import fcntl, os, sys\nat = sys.argv[1]\n" + code, client.MountPoint);

    /// <summary>A process that holds an fcntl lock for writing on a whole file, and does what it is told: a line of Python at a time.</summary>
    private sealed class Holder : IDisposable
    {
        private readonly Process _process;

        public Holder(Client client, string flags, string name = "l")
        {
            _process = Start(client, $$"""
                def fails(call, *args):
                    try: call(*args)
                    except OSError as e:
                        assert e.errno == 5, e
                        return
                    raise AssertionError(('succeeded', call, args))
                fd = os.open(at + '/{{name}}', {{flags}})
                fcntl.lockf(fd, fcntl.LOCK_EX)
                print('done', flush=True)
                for line in sys.stdin:
                    try:
                        exec(line)
                        print('done', flush=True)
                    except BaseException as e:
                        print(repr(e), flush=True)
                """);
            Assert.Equal("done", _process.StandardOutput.ReadLine());
        }

        public void Tell(string line)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
            Assert.Equal("done", _process.StandardOutput.ReadLine());
        }

        public void Dispose()
        {
            _process.Kill();
            _process.Dispose();
        }
    }
}

using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What reads do after the lease ended, while the server can't be reached.</summary>
public sealed class DisconnectedTests
{
    [Fact]
    public async Task With_serve_what_was_valid_is_read_on_and_it_is_said()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--disconnected=serve", "--timeout", "1");
        Script.Run(a, "os.mkdir(a + '/d'); put(a + '/d/f', b'cached'); put(a + '/never', b'x' * 100000); assert get(a + '/d/f') == b'cached'; os.listdir(a + '/d'); os.listdir(a)");
        cell.KillServer();
        Assert.True(await Eventually.IsAsync(() => a.ReadStatus().GetProperty("isServingDisconnected").GetBoolean()));

        Script.Run(a, """
            assert get(a + '/d/f') == b'cached' and os.listdir(a + '/d') == ['f'] and os.stat(a + '/d/f').st_size == 6
            assert sorted(os.listdir(a)) == ['d', 'never'] and not os.path.exists(a + '/nothing')
            fails(errno.ETIMEDOUT, os.mkdir, a + '/new')
            """);
        Assert.Contains("reads are served from the cache", a.Daemon.Output);
        Assert.Contains("READS ARE SERVED FROM THE CACHE", Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "status", a.MountPoint).Output);

        await cell.RestartServerAsync();
        Client other = await cell.MountAsync();
        Script.Run(other, "put(a + '/d/f', b'newer')");
        Assert.True(await Eventually.IsAsync(() => !a.ReadStatus().GetProperty("isServingDisconnected").GetBoolean()));
        Script.Run(other, a, "put(a + '/d/g', b''); assert get(b + '/d/f') == b'newer' and os.listdir(b + '/d') == ['f', 'g'], os.listdir(b + '/d')");
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_is_open_is_read_on(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client writer = await cell.MountAsync();
        Script.Run(writer, "put(a + '/small', b'small'); put(a + '/large', b'large' * 100000)");
        Client a = await cell.MountAsync("--timeout", "1", "--io", io);

        Script.Run(a, $$"""
            import signal, time
            held = {name: os.open(a + '/' + name, os.O_RDONLY) for name in ('small', 'large')}
            assert os.pread(held['small'], 1, 0) == b's' and os.pread(held['large'], 1, 499999) == b'e'
            os.kill({{cell.Server.Id}}, signal.SIGKILL)
            while True:
                try: os.stat(a + '/small')
                except OSError: break
                time.sleep(0.1)
            assert os.pread(held['small'], 1000, 0) == b'small' and os.lseek(held['small'], 0, os.SEEK_END) == 5
            assert os.pread(held['large'], 1 << 20, 0) == b'large' * 100000 and os.lseek(held['large'], 0, os.SEEK_END) == 500000
            for fd in held.values(): os.close(fd)
            """);
    }

    [Fact]
    public async Task By_default_reads_fail_in_time_and_df_does_not_hang()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--timeout", "1");
        Script.Run(a, "put(a + '/f', b'cached'); assert get(a + '/f') == b'cached'");
        cell.KillServer();
        Assert.True(await Eventually.IsAsync(() => !a.ReadStatus().GetProperty("hasLease").GetBoolean()));

        Script.Run(a, "fails(errno.ETIMEDOUT, get, a + '/f'); fails(errno.ETIMEDOUT, os.stat, a + '/f')");
        Script.Run(a, "os.statvfs(a); os.listdir(os.path.dirname(a))");
        CommandResult df = Commands.Run("df", "--output=target");
        Assert.Contains(a.MountPoint, df.Output);
        Assert.False(a.ReadStatus().GetProperty("isServingDisconnected").GetBoolean());
    }
}

using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What one client does, the other sees the moment the call returned (contract S1), in both io modes.</summary>
public sealed class TwoClientTests
{
    private const int UsualRounds = 500;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_one_closes_the_other_opens(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            put(a + '/f', b'first')
            for i in range(rounds):
                x, y = (a, b) if i % 2 == 0 else (b, a)
                data = b'round %d ' % i * (1 + i % 3)
                put(x + '/f', data)
                assert os.stat(y + '/f').st_size == len(data), ('stat', i)
                assert get(y + '/f') == data, ('read', i)
            """, Script.Rounds(UsualRounds));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Names_made_moved_and_removed_are_seen_at_once(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            os.mkdir(a + '/d')
            for i in range(rounds):
                x, y = (a, b) if i % 2 == 0 else (b, a)
                fails(errno.ENOENT, os.stat, y + '/d/new')
                put(x + '/d/new', b'%d' % i)
                assert os.listdir(y + '/d') == ['new'], i
                assert get(y + '/d/new') == b'%d' % i
                os.rename(x + '/d/new', x + '/d/moved')
                fails(errno.ENOENT, os.stat, y + '/d/new')
                assert get(y + '/d/moved') == b'%d' % i
                os.chmod(x + '/d/moved', 0o600 + i % 8)
                assert stat.S_IMODE(os.stat(y + '/d/moved').st_mode) == 0o600 + i % 8, i
                os.truncate(x + '/d/moved', 1000 + i)
                assert os.stat(y + '/d/moved').st_size == 1000 + i, i
                os.unlink(x + '/d/moved')
                fails(errno.ENOENT, os.open, y + '/d/moved', os.O_RDONLY)
                assert os.listdir(y + '/d') == [], i
            """, Script.Rounds(UsualRounds));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_both_append_in_turn_is_all_there(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            expected = b''
            for i in range(rounds):
                x, y = (a, b) if i % 2 == 0 else (b, a)
                put(x + '/log', b'line %d;' % i, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                expected += b'line %d;' % i
                assert get(y + '/log') == expected, i
            """, rounds: 100);
    }

    [Fact]
    public async Task Both_may_make_names_in_one_directory_at_once()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            import multiprocessing
            os.mkdir(a + '/d')
            def make(root, who):
                for i in range(rounds):
                    put('%s/d/%s-%d' % (root, who, i), b'x')
                    os.mkdir('%s/d/%s-dir-%d' % (root, who, i))
            workers = [multiprocessing.Process(target=make, args=w) for w in ((a, 'a'), (b, 'b'))]
            [w.start() for w in workers]
            [w.join() for w in workers]
            assert [w.exitcode for w in workers] == [0, 0]
            assert len(os.listdir(a + '/d')) == 4 * rounds, len(os.listdir(a + '/d'))
            assert sorted(os.listdir(a + '/d')) == sorted(os.listdir(b + '/d'))
            """, rounds: 100);
    }

    [Fact]
    public async Task Reopening_a_thousand_cached_files_costs_no_call()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        const string ReadAll = "assert sum(len(get(b + '/d/%d' % i)) for i in range(1000)) == 5000";
        Script.Run(a, b, "os.mkdir(a + '/d'); [put(a + '/d/%d' % i, b'12345') for i in range(1000)]\n" + ReadAll);
        long before = b.CountCalls();

        Script.Run(a, b, ReadAll + "\nassert len(os.listdir(b + '/d')) == 1000; [os.stat(b + '/d/%d' % i) for i in range(1000)]");

        Assert.Equal(before, b.CountCalls());
    }

    [Fact]
    public async Task The_last_closer_wins_and_the_file_is_never_a_mix()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            put(a + '/f', b'base')
            one = os.open(a + '/f', os.O_RDWR)
            two = os.open(b + '/f', os.O_RDWR)
            os.pwrite(one, b'A' * 100000, 0)
            os.pwrite(two, b'B' * 50000, 0)
            os.close(two)
            os.close(one)
            assert get(a + '/f') == b'A' * 100000
            assert get(b + '/f') == b'A' * 100000
            """);
    }
}

using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What one client does, the other sees the moment the call returned (contract S1), in both io modes.</summary>
public sealed class TwoClientTests
{
    private const int UsualRounds = 200;

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
    public async Task What_a_reader_syncs_the_other_opens_whoever_wrote_it(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            put(a + '/f', b'before')
            writer, reader = os.open(a + '/f', os.O_WRONLY), os.open(a + '/f', os.O_RDONLY)
            os.pwrite(writer, b'changed', 0)
            assert get(b + '/f') == b'before'
            os.fsync(reader)
            assert get(b + '/f') == b'changed'
            os.pwrite(writer, b'C', 0)
            os.fdatasync(reader)
            assert get(b + '/f') == b'Changed'
            """);
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
    public async Task What_tar_unpacks_has_its_times_modes_and_contents_for_both(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            import io, subprocess, tarfile
            packed, members = io.BytesIO(), []
            with tarfile.open(fileobj=packed, mode='w', format=tarfile.PAX_FORMAT) as tar:
                for i, mode in enumerate([0o644, 0o755, 0o600, 0o4711, 0o700]):
                    member = tarfile.TarInfo('file-%d' % i)
                    data = b'content %d ' % i * (i * 1000)
                    member.size, member.mode, member.mtime = len(data), mode, 1500000000 + i
                    member.uid, member.gid = (i % 2) * 77, (i % 3) * 88
                    tar.addfile(member, io.BytesIO(data))
                    members.append((member, data))
            subprocess.run(['tar', '-xf', '-', '-C', a], input=packed.getvalue(), check=True)
            for member, data in members:
                for client in (b, a):
                    path = client + '/' + member.name
                    found = os.stat(path)
                    assert get(path) == data, path
                    assert (found.st_mtime, stat.S_IMODE(found.st_mode)) == (member.mtime, member.mode), (path, found)
                    assert (found.st_uid, found.st_gid) == (member.uid, member.gid), (path, found)
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_time_that_is_set_on_what_is_being_written_is_seen_here_at_once_and_elsewhere_after_the_close(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            import subprocess
            put(a + '/f', b'before')
            for i in range(20):
                os.stat(b + '/f')
                fd = os.open(a + '/f', os.O_WRONLY)
                os.pwrite(fd, b'after %d' % i, 0)
                subprocess.run(['touch', '-m', '-d', '@%d' % (1500000000 + i), a + '/f'], check=True)
                assert os.stat(a + '/f').st_mtime == 1500000000 + i, i
                assert os.fstat(fd).st_mtime == 1500000000 + i, i
                os.close(fd)
                assert os.stat(b + '/f').st_mtime == 1500000000 + i, i
                assert os.stat(a + '/f').st_mtime == 1500000000 + i, i
                assert get(b + '/f') == b'after %d' % i, i
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Who_only_sets_a_time_on_what_he_has_open_takes_nothing_back(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            for size in (3, 1000000):
                put(a + '/f', b'o' * size)
                fd = os.open(a + '/f', os.O_RDWR)
                os.utime(fd, ns=(5, 5))
                assert os.stat(a + '/f').st_mtime_ns == os.stat(b + '/f').st_mtime_ns == 5, size
                put(b + '/f', b'newer')
                os.close(fd)
                assert get(a + '/f') == get(b + '/f') == b'newer', size
            """);
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
                got = get(y + '/log')
                assert got == expected, (i, got[-60:], expected[-60:], get(x + '/log')[-60:], get(y + '/log')[-60:])
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

    /// <summary>Symlinks of the longest targets: the statuses of one folder are more than a message may have.</summary>
    [Fact]
    public async Task A_folder_of_large_symlinks_and_long_names_is_listed_and_removed()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            import subprocess
            os.mkdir(a + '/d')
            target = 'x' * 4095
            for i in range(600):
                os.symlink(target, a + '/d/%d' % i)
            for i in range(3000):
                os.mkfifo(a + '/d/' + ('%04d' % i) + 'n' * 251)
            listing = subprocess.run(['ls', '-l', b + '/d'], capture_output=True, text=True)
            assert listing.returncode == 0, listing.stderr[:300]
            assert listing.stdout.count('\n') == 3601 and listing.stdout.count(target) == 600
            assert os.readlink(b + '/d/599') == target
            removal = subprocess.run(['rm', '-rf', b + '/d'], capture_output=True, text=True)
            assert removal.returncode == 0, removal.stderr[:300]
            assert os.listdir(a) == []
            """);
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

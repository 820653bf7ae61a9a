using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What processes have open costs the daemon no descriptors: many more files can be open than it may open itself, and nobody else notices.</summary>
public sealed class OpenFilesTests
{
    /// <summary>Twice what the daemon may open.</summary>
    private const int DaemonLimit = 768, Files = 1600;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_process_with_many_open_files_starves_neither_itself_nor_others(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountLimitedAsync(DaemonLimit, "--io", io), b = await cell.MountAsync();

        Script.Run(a, b, $$"""
            import resource, subprocess
            resource.setrlimit(resource.RLIMIT_NOFILE, ({{Files}} + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            os.mkdir(b + '/read'); os.mkdir(a + '/written'); os.mkdir(b + '/fresh')
            put(b + '/fresh/large', b'l' * 300000)
            large = b'R' * 70000
            for i in range(20): put(f'{b}/read/{i}', large)
            for i in range(50): put(f'{b}/fresh/{i}', b'fresh%d' % i)

            half = {{Files}} // 2
            readers = [os.open(f'{a}/read/{i % 20}', os.O_RDONLY) for i in range(half)]
            writers = [os.open(f'{a}/written/{i}', os.O_CREAT | os.O_RDWR) for i in range(half)]
            for i, fd in enumerate(writers): os.pwrite(fd, b'w%06d' % i, 0)
            unlinked = writers.pop(); os.unlink(f'{a}/written/{half - 1}')

            # Others go on, by new opens and by what they had open.
            code = "import sys\nfor i in range(50): assert open(f'{sys.argv[1]}/fresh/{i}', 'rb').read() == b'fresh%d' % i\nassert len(open(sys.argv[1] + '/fresh/large', 'rb').read()) == 300000"
            subprocess.run([sys.executable, '-c', code, a], check=True)
            for i, fd in enumerate(readers): assert os.pread(fd, 4, 69990 if i % 3 else 0) == b'RRRR' and os.fstat(fd).st_size == 70000
            for i, fd in enumerate(writers):
                assert os.pread(fd, 100, 0) == b'w%06d' % i and os.fstat(fd).st_size == 7, i
            for fd in writers[:100]: os.ftruncate(fd, 3); os.fsync(fd)
            assert os.pread(unlinked, 100, 0) == b'w%06d' % (half - 1) and os.fstat(unlinked).st_nlink == 0
            for fd in readers + writers + [unlinked]: os.close(fd)
            for i in range(half - 1):
                expected = (b'w%06d' % i)[:3] if i < 100 else b'w%06d' % i
                assert get(f'{b}/written/{i}') == expected, i
            """);
        Assert.DoesNotContain("open files", a.Daemon.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task What_another_client_removed_is_written_on_and_kept_though_its_file_was_closed_meanwhile()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountLimitedAsync(DaemonLimit), b = await cell.MountAsync();

        Script.Run(a, b, """
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (1500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            put(a + '/f', b'first')
            fd = os.open(a + '/f', os.O_RDWR)
            os.pwrite(fd, b'mine!', 0)
            os.unlink(b + '/f')
            fails(errno.ESTALE, os.fsync, fd)
            os.mkdir(a + '/d')
            others = [os.open(f'{a}/d/{i}', os.O_CREAT | os.O_RDWR) for i in range(600)]
            for other in others: os.write(other, b'x')
            assert os.pread(fd, 10, 0) == b'mine!' and os.fstat(fd).st_size == 5
            os.pwrite(fd, b'after', 0)
            assert os.pread(fd, 10, 0) == b'after'
            """);
    }
}

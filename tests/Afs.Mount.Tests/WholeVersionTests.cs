using System.Diagnostics;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>An open gets one whole version (contract S2), and what is open lives on.</summary>
public sealed class WholeVersionTests
{
    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_reader_keeps_its_version_while_another_client_stores(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            put(a + '/f', b'old' * 10000)
            fd = os.open(b + '/f', os.O_RDONLY)
            assert os.read(fd, 3) == b'old'
            put(a + '/f', b'newer')
            assert os.fstat(fd).st_size == 30000, os.fstat(fd)
            assert os.pread(fd, 30000, 0) == b'old' * 10000
            assert os.lseek(fd, 0, os.SEEK_END) == 30000
            assert get(b + '/f') == b'newer'
            assert os.stat(b + '/f').st_size == 5
            assert os.stat(b + '/f').st_ino == os.fstat(fd).st_ino
            assert os.pread(fd, 3, 29997) == b'old'
            os.close(fd)
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_mapping_keeps_its_version_and_a_shared_one_is_stored(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            put(a + '/f', b'x' * 8192)
            fd = os.open(b + '/f', os.O_RDONLY)
            old = mmap.mmap(fd, 8192, prot=mmap.PROT_READ)
            wfd = os.open(a + '/f', os.O_RDWR)
            new = mmap.mmap(wfd, 8192)
            new[:4] = b'mmap'
            new.flush()
            os.fsync(wfd)
            assert old[:4] == b'xxxx'
            assert get(b + '/f')[:4] == b'mmap'
            new[4:8] = b'more'
            new.close()
            os.close(wfd)
            assert get(b + '/f')[:8] == b'mmapmore'
            """);
    }

    [Fact]
    public async Task A_file_that_is_removed_while_open_lives_until_it_is_closed()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            put(a + '/here', b'here'); put(a + '/there', b'there')
            here = os.open(a + '/here', os.O_RDWR); there = os.open(b + '/there', os.O_RDONLY)
            os.unlink(a + '/here'); os.unlink(a + '/there')
            assert os.pread(here, 10, 0) == b'here' and os.pread(there, 10, 0) == b'there'
            assert os.fstat(there).st_nlink == 0 and os.fstat(there).st_size == 5
            os.pwrite(here, b'HERE', 0)
            assert os.pread(here, 10, 0) == b'HERE'
            assert os.fstat(here).st_nlink == 0
            os.close(here); os.close(there)
            assert os.listdir(a) == [] and os.listdir(b) == []
            """);
    }

    [Fact]
    public async Task An_old_version_that_another_client_removes_is_read_on_and_tells_no_link()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            put(a + '/f', b'first')
            writer = os.open(b + '/f', os.O_RDWR)
            put(a + '/f', b'the second')
            reader = os.open(b + '/f', os.O_RDONLY)
            os.close(writer)
            os.unlink(a + '/f')
            assert os.pread(reader, 20, 0) == b'first'
            assert os.fstat(reader).st_size == 5 and os.fstat(reader).st_nlink == 0, os.fstat(reader)
            os.close(reader)
            """);
    }

    [Fact]
    public async Task A_file_without_a_name_can_get_one()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            fd = os.open(a, os.O_TMPFILE | os.O_RDWR, 0o600)
            os.write(fd, b'unnamed')
            assert os.listdir(b) == []
            os.link('/proc/self/fd/%d' % fd, a + '/named', src_dir_fd=os.open('/', os.O_RDONLY), follow_symlinks=True)
            os.close(fd)
            assert get(b + '/named') == b'unnamed'
            assert os.stat(b + '/named').st_nlink == 1
            """);
    }

    /// <summary>Neither `venus flush`, nor an unmount that is refused, nor the end by a signal publishes what somebody is in the middle of writing.</summary>
    [Fact]
    public async Task What_is_half_written_is_published_by_no_flush_no_refused_unmount_and_no_signal()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        Script.Run(a, b, "put(a + '/h', b'old.old.')");
        using Process writer = Commands.Start(
            "python3", "-c", "import os, sys; f = os.open(sys.argv[1], os.O_RDWR); os.write(f, b'NEW.'); print('written', flush=True); sys.stdin.readline()", a["h"]);
        Assert.Equal("written", await writer.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        CommandResult flushed = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "flush", a.MountPoint);
        Assert.Equal(0, flushed.ExitCode);
        Assert.Contains("1 file is open for writing", flushed.Errors, StringComparison.Ordinal);
        Script.Run(b, "assert get(a + '/h') == b'old.old.', get(a + '/h')");
        Assert.Equal(13, a.Unmount().ExitCode);
        Script.Run(b, "assert get(a + '/h') == b'old.old.', get(a + '/h')");
        Assert.NotEqual(0, a.Daemon.Terminate());
        Script.Run(b, "assert get(a + '/h') == b'old.old.', get(a + '/h')");
        writer.Kill();
    }
}

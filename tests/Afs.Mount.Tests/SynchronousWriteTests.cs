using System.Diagnostics;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>
/// What a write() acknowledged that promised stable storage is at the server: its client is killed and its cache deleted, and another client reads it (contract S4).
/// The file is never closed or synced.
/// </summary>
public sealed class SynchronousWriteTests
{
    private const int Writes = 40, RecordBytes = 10;

    /// <summary>Prints each number once it was acknowledged.</summary>
    private const string Writer = """
        import os, sys, mmap, time
        path, way, writes = sys.argv[1], sys.argv[2], int(sys.argv[3])
        start = b'.' * 200000
        flags = {'dsync': os.O_DSYNC, 'sync': os.O_SYNC, 'beside a reader': os.O_DSYNC}.get(way, 0)
        if way == 'marked':
            os.mkdir(os.path.dirname(path)); os.setxattr(os.path.dirname(path), 'user.afs.sync', b'1')
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(start)
        reader = os.open(path, os.O_RDONLY) if way == 'beside a reader' else -1
        fd = os.open(path, os.O_RDWR | flags)
        view = mmap.mmap(fd, len(start)) if way == 'msync' else None
        for i in range(writes):
            record = b'%09d\n' % i
            if view is not None:
                view[i * 10:i * 10 + 10] = record
                view.flush()
            elif way == 'rwf':
                os.pwritev(fd, [record], i * 10, os.RWF_DSYNC)
            elif way == 'append' :
                os.lseek(fd, 0, os.SEEK_END); os.write(fd, record)
            else:
                os.pwrite(fd, record, i * 10)
            if reader >= 0:
                assert os.pread(reader, 10, i * 10) == record
            assert os.pread(fd, 10, i * 10) == record
            print(i, flush=True)
        sys.stdin.read()
        """;

    [Theory]
    [InlineData("dsync", "auto")]
    [InlineData("sync", "auto")]
    [InlineData("dsync", "daemon")]
    [InlineData("rwf", "daemon")]
    [InlineData("msync", "daemon")]
    [InlineData("beside a reader", "auto")]
    [InlineData("marked", "auto")]
    [InlineData("plain", "auto", "--sync")]
    [InlineData("rwf", "auto", "--sync")]
    [InlineData("msync", "auto", "--sync")]
    public async Task What_a_synchronous_write_acknowledged_is_at_the_server(string way, string io, params string[] options)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(["--io", io, .. options]), b = await cell.MountAsync();

        using Process writer = Commands.Start("python3", "-c", Writer, a["d/f"], way, Writes.ToString());
        string? last = null;
        while (last != (Writes - 1).ToString())
        {
            string? line = await writer.StandardOutput.ReadLineAsync();
            if (line is null)
                Assert.Fail($"It ended after {last}: {await writer.StandardError.ReadToEndAsync()}\n{a.Daemon.Output}");
            last = line;
        }

        a.Daemon.Kill();
        writer.Kill();
        Directory.Delete(a.Cache, recursive: true);

        Script.Run(b, b, $$"""
            data = get(a + '/d/f')
            assert len(data) == 200000, len(data)
            for i in range({{Writes}}):
                assert data[i * {{RecordBytes}}:(i + 1) * {{RecordBytes}}] == b'%09d\n' % i, (i, data[:{{Writes * RecordBytes}}])
            """);
    }

    [Fact]
    public async Task What_is_made_in_a_marked_directory_is_marked_and_others_are_not()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            os.mkdir(a + '/m'); os.setxattr(a + '/m', 'user.afs.sync', b'yes')
            os.mkdir(a + '/m/d'); os.mkdir(a + '/n')
            fds = [os.open(a + p, os.O_CREAT | os.O_WRONLY, 0o644) for p in ('/m/f', '/m/d/f', '/n/f')]
            os.symlink('x', a + '/m/l'); os.mkfifo(a + '/m/p')
            for p in ('/m/d', '/m/f', '/m/d/f'):
                assert os.getxattr(a + p, 'user.afs.sync') == b'yes' and os.getxattr(b + p, 'user.afs.sync') == b'yes', p
            fails(errno.ENODATA, os.getxattr, a + '/n/f', 'user.afs.sync')
            for fd in fds: os.write(fd, b'now')
            assert get(b + '/m/f') == b'now' and get(b + '/m/d/f') == b'now' and get(b + '/n/f') == b''
            os.ftruncate(fds[0], 1); os.posix_fallocate(fds[1], 0, 100)
            assert get(b + '/m/f') == b'n' and os.stat(b + '/m/d/f').st_size == 100
            os.removexattr(a + '/m/f', 'user.afs.sync'); os.close(fds[0])
            fd = os.open(a + '/m/f', os.O_WRONLY); os.write(fd, b'late')
            assert get(b + '/m/f') == b'n'
            os.close(fd)
            assert get(b + '/m/f') == b'late'
            """);
    }

    [Fact]
    public async Task An_append_of_two_processes_in_turns_loses_nothing()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            put(a + '/f', b'#' * 100000)
            plain = os.open(a + '/f', os.O_WRONLY | os.O_APPEND)
            durable = os.open(a + '/f', os.O_RDWR | os.O_APPEND | os.O_DSYNC)
            for i in range(30):
                os.write(plain, b'p%02d' % i)
                os.write(durable, b'd%02d' % i)
                assert get(b + '/f')[100000:] == b''.join(b'p%02dd%02d' % (k, k) for k in range(i + 1)), i
                assert os.fstat(plain).st_size == 100000 + 6 * (i + 1)
            view = mmap.mmap(durable, 100000)
            assert view[:10] == b'#' * 10
            """);
    }

    [Fact]
    public async Task A_descriptor_goes_on_storing_each_write_after_its_daemon_was_replaced()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised"), b = await cell.MountAsync();
        using Process writer = Commands.Start(
            "python3", "-c", """
            import os, sys
            fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR | os.O_DSYNC, 0o644)
            os.write(fd, b'before')
            os.mkdir(sys.argv[2]); os.setxattr(sys.argv[2], 'user.afs.sync', b'1')
            marked = os.open(sys.argv[2] + '/f', os.O_CREAT | os.O_RDWR, 0o644)
            os.write(marked, b'before')
            print('written', flush=True); sys.stdin.readline()
            os.pwrite(fd, b'after!', 0); os.pwrite(marked, b'after!', 0)
            print('again', flush=True); sys.stdin.read()
            """, a["f"], a["m"]);
        Assert.Equal("written", await writer.StandardOutput.ReadLineAsync());

        int daemon = int.Parse(Commands.Run("pgrep", "-P", a.Daemon.Id.ToString()).Output.Trim());
        Commands.Run("kill", "-9", daemon.ToString());
        await writer.StandardInput.WriteLineAsync();
        Assert.Equal("again", await writer.StandardOutput.ReadLineAsync());

        Script.Run(a, b, "assert get(b + '/f') == b'after!' and get(b + '/m/f') == b'after!', get(b + '/m/f')");
        writer.Kill();
    }
}

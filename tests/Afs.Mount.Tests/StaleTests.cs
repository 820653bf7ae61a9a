using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>ESTALE reaches an application only where its file is gone for good. Other clients replace, remove and make again what is used here.</summary>
public sealed class StaleTests
{
    /// <summary>Runs a snippet in processes of their own, in rounds, and says which errors it met.</summary>
    private const string Loops = """
        import subprocess
        def loop(code, *words):
            body = 'import os, sys, shutil\nerrors = {}\nfor i in range(int(sys.argv[1])):\n    try:\n' + ''.join('        %s\n' % line for line in code.split('\n'))
            body += '    except OSError as e: errors[e.errno] = errors.get(e.errno, 0) + 1\nprint(errors)'
            return subprocess.Popen(['python3', '-c', body, *map(str, words)], stdout=subprocess.PIPE, text=True)
        def met(*loops):
            all = {}
            for l in loops:
                out = l.communicate()[0]
                assert l.returncode == 0
                for number, count in eval(out).items(): all[number] = all.get(number, 0) + count
            return all

        """;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_name_that_is_replaced_by_rename_can_always_be_opened(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Loops + """
            put(a + '/f', b'x'); os.symlink('f', a + '/l')
            write = "t = sys.argv[2] + '/t' + sys.argv[3]\nfd = os.open(t, os.O_CREAT | os.O_WRONLY); os.write(fd, b'x'); os.close(fd); os.rename(t, sys.argv[2] + '/f')\n" \
                "os.symlink('f', t); os.rename(t, sys.argv[2] + '/l')"
            read = "f = sys.argv[2] + '/f'\nfd = os.open(f, os.O_RDONLY); assert os.read(fd, 9) == b'x'; os.close(fd)\nos.stat(f); os.chmod(f, 0o644); os.utime(f); os.readlink(sys.argv[2] + '/l'); os.stat(sys.argv[2] + '/l')"
            reads = rounds * 5 // 3
            found = met(loop(write, rounds, a, 1), loop(write, rounds, a, 2), loop(read, reads, a), loop(read, reads, b), loop(write, rounds, b, 3))
            assert found == {}, found
            """, Script.Rounds(50));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Names_that_two_clients_make_and_remove_give_no_stale_handle(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Loops + """
            os.mkdir(a + '/d')
            make = "fd = os.open(sys.argv[2] + '/d/f', os.O_CREAT | os.O_RDWR, 0o644); os.close(fd)"
            remove = "os.unlink(sys.argv[2] + '/d/f')"
            found = met(loop(make, 300, a), loop(make, 300, b), loop(remove, 300, a), loop(remove, 300, b))
            assert set(found) <= {errno.ENOENT}, found
            dirs = "os.makedirs(sys.argv[2] + '/m/a/b/c%d' % (i % 3), exist_ok=True)\nif i % 7 == 0: shutil.rmtree(sys.argv[2] + '/m', ignore_errors=True)"
            found = met(loop(dirs, 100, a), loop(dirs, 100, b))
            assert set(found) <= {errno.ENOENT, errno.EEXIST}, found
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_is_named_without_a_path_opens_after_another_client_stored(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            import subprocess, shutil
            place = os.path.dirname(a) + '/bound'
            put(a + '/f', b'first'); put(place, b'')
            assert subprocess.run(['mount', '--bind', a + '/f', place]).returncode == 0
            try:
                for i in range(5):
                    put(b + '/f', b'stored %d' % i)
                    assert get(place) == b'stored %d' % i and get(a + '/f') == b'stored %d' % i
                fd = os.open(a + '/f', os.O_RDONLY)
                put(b + '/f', b'newer')
                assert get('/proc/self/fd/%d' % fd) == b'stored 4' and os.pread(fd, 99, 0) == b'stored 4'
                assert get(place) in (b'stored 4', b'newer') and get(a + '/f') == b'newer' and os.stat(a + '/f').st_size == 5
                os.unlink(b + '/f')
                assert get('/proc/self/fd/%d' % fd) == b'stored 4'
                os.close(fd)
            finally:
                subprocess.run(['umount', '-l', place])
            shutil.copy('/bin/sleep', a + '/exe')
            process = subprocess.Popen([a + '/exe', '60'])
            shutil.copy('/bin/true', b + '/new'); os.rename(b + '/new', b + '/exe')
            assert len(open('/proc/%d/exe' % process.pid, 'rb').read()) == os.stat('/bin/sleep').st_size
            process.kill(); process.wait()
            """);
    }

    [Fact]
    public async Task A_directory_that_another_client_removed_is_empty_for_who_works_in_it()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();

        Script.Run(a, b, """
            for round in range(2):
                os.mkdir(a + '/d'); put(a + '/d/f', b'x'); os.mkdir(a + '/d/s')
                os.chdir(a + '/d'); assert sorted(os.listdir('.')) == ['f', 's'] and get('f') == b'x'
                os.unlink(b + '/d/f'); os.rmdir(b + '/d/s'); os.rmdir(b + '/d')
                if round: fails(errno.ENOENT, os.mkdir, 'new')
                assert os.listdir('.') == [], os.listdir('.')
                for call in (lambda: os.stat('f'), lambda: os.open('f', os.O_RDONLY), lambda: os.listdir('s')): fails(errno.ENOENT, call)
                for call in (lambda: os.mkdir('new'), lambda: os.open('new', os.O_CREAT | os.O_WRONLY), lambda: os.symlink('x', 'new'), lambda: os.unlink('f')): fails(errno.ENOENT, call)
                assert os.stat('.').st_nlink == 0
                os.chdir('/')
            """);
    }
}

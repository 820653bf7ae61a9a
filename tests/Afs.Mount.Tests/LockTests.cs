using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>Locks among the processes of one client: they are of the file, whatever another client does to it meanwhile.</summary>
public sealed class LockTests
{
    private const int UsualRounds = 150;

    /// <summary>Of the scripts: what another process is told.</summary>
    private const string Others = """
        import signal, struct, time
        EX, SH, UN, NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN, fcntl.LOCK_NB
        def child(act):
            pid = os.fork()
            if pid == 0:
                try:
                    act(); os._exit(0)
                except BaseException as e:
                    print('child:', repr(e), flush=True); os._exit(1)
            return pid
        def ends_well(pid):
            status = os.waitpid(pid, 0)[1]
            assert status == 0, status
        def ends_within(pid, seconds=20):
            for _ in range(seconds * 100):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    assert status == 0, status
                    return
                time.sleep(0.01)
            raise AssertionError('it waits for ever')
        def in_other(call, path, operation, flags=os.O_RDWR, *args):
            'Whether another process gets the lock without waiting.'
            pid = os.fork()
            if pid == 0:
                try:
                    call(os.open(path, flags), operation | NB, *args); os._exit(0)
                except BlockingIOError:
                    os._exit(7)
                except BaseException as e:
                    print('other:', repr(e), flush=True); os._exit(1)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert code in (0, 7), code
            return code == 0

        """;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_lock_is_of_the_file_also_where_another_client_stored_it_meanwhile(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Others + """
            put(a + '/l', b'first')
            for flags in (os.O_RDONLY, os.O_RDWR):
                old = os.open(a + '/l', flags)
                fcntl.flock(old, EX)
                put(b + '/l', b'other by b')
                assert get(a + '/l') == (b'first' if flags == os.O_RDWR else b'other by b')
                assert not in_other(fcntl.flock, a + '/l', EX, os.O_RDONLY), 'both have it'
                os.close(old)
                assert in_other(fcntl.flock, a + '/l', EX, os.O_RDONLY), 'it is gone'
                put(b + '/l', b'first')
            old = os.open(a + '/l', os.O_RDONLY)
            fcntl.lockf(old, SH, 10, 5)
            put(b + '/l', b'other by b')
            assert in_other(fcntl.lockf, a + '/l', SH) and not in_other(fcntl.lockf, a + '/l', EX)
            assert in_other(fcntl.lockf, a + '/l', EX, os.O_RDWR, 5) and not in_other(fcntl.lockf, a + '/l', EX, os.O_RDWR, 1, 14)
            new = os.open(a + '/l', os.O_RDWR)
            def asks():
                kind, _, start, length, pid = struct.unpack('hhqqi4x', fcntl.fcntl(new, fcntl.F_GETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)))
                assert (kind, start, length, pid) == (fcntl.F_RDLCK, 5, 10, os.getppid()), (kind, start, length, pid)
            ends_well(child(asks))
            os.close(new)
            assert in_other(fcntl.lockf, a + '/l', EX), 'any close takes it'
            os.close(old)
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Who_writes_the_same_file_shares_it_also_where_another_client_stored_it_meanwhile(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            put(a + '/f', b'begin ')
            one = os.open(a + '/f', os.O_RDWR | os.O_APPEND)
            put(b + '/f', b'b was here')
            two = os.open(a + '/f', os.O_RDWR | os.O_APPEND)
            os.write(one, b'one '); os.write(two, b'two ')
            assert os.pread(one, 100, 0) == os.pread(two, 100, 0) == get(a + '/f') == b'begin one two ', os.pread(two, 100, 0)
            assert os.fstat(one).st_ino == os.fstat(two).st_ino and os.fstat(one).st_size == os.fstat(two).st_size == 14
            assert get(b + '/f') == b'b was here'
            os.close(two); os.close(one)
            assert get(a + '/f') == get(b + '/f') == b'begin one two '
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_close_has_let_go_of_its_locks_when_it_returns(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io);

        Script.Run(a, a, Others + """
            put(a + '/l', b'x')
            OFD_SETLK = 37
            busy = [child(lambda i=i: [put(f'{a}/busy{i}', b'y' * (1 << 20)) for _ in range(rounds // 3)]) for i in range(2)]
            other = os.open(a + '/l', os.O_RDWR)
            for i in range(rounds):
                held = os.open(a + '/l', os.O_RDONLY if i % 2 else os.O_RDWR)
                fcntl.flock(held, EX); os.close(held)
                fcntl.flock(other, EX | NB); fcntl.flock(other, UN)
                held = os.open(a + '/l', os.O_RDWR)
                fcntl.fcntl(held, OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)); os.close(held)
                fcntl.lockf(other, EX | NB); fcntl.lockf(other, UN)
                def locks():
                    fd = os.open(a + '/l', os.O_RDONLY if i % 2 else os.O_RDWR)
                    fcntl.lockf(fd, SH)
                ends_well(child(locks))
                fcntl.lockf(other, EX | NB); fcntl.lockf(other, UN)
            for pid in busy: ends_well(pid)
            """, Script.Rounds(UsualRounds));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Many_who_wait_hold_up_nobody_and_a_signal_or_the_end_takes_them_out(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io);

        Script.Run(a, a, Others + """
            put(a + '/l', b'x')
            held = os.open(a + '/l', os.O_RDWR)
            fcntl.flock(held, EX); fcntl.lockf(held, EX)
            def waits():
                fcntl.flock(os.open(a + '/l', os.O_RDONLY), SH)
            waiters = [child(waits) for _ in range(200)]
            def is_woken():
                class Woken(Exception): pass
                def wake(*_): raise Woken
                signal.signal(signal.SIGALRM, wake); signal.setitimer(signal.ITIMER_REAL, 0.3)
                try:
                    fcntl.lockf(os.open(a + '/l', os.O_RDWR), EX)
                except Woken:
                    return
                raise AssertionError('it got the lock')
            ends_within(child(is_woken))
            for i in range(50): put(f'{a}/other', b'%d' % i); assert get(a + '/other') == b'%d' % i; os.stat(a + '/l')
            for pid in waiters[:100]: os.kill(pid, signal.SIGKILL)
            for pid in waiters[:100]: assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
            fcntl.flock(held, UN); os.close(held) # The children have copies of it.
            for pid in waiters[100:]: ends_within(pid)
            assert in_other(fcntl.flock, a + '/l', EX) and in_other(fcntl.lockf, a + '/l', EX), 'the dead hold nothing'
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Locks_and_who_waits_for_them_go_on_when_a_supervised_daemon_is_killed(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised", "--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, Others + $$"""
            daemon = {{a.ReadStatus().GetProperty("processId").GetInt32()}}
            put(a + '/l', b'x'); put(a + '/m', b'x'); os.mkdir(a + '/d')
            flocked, ranged = os.open(a + '/l', os.O_RDONLY), os.open(a + '/l', os.O_RDWR)
            folder = os.open(a + '/d', os.O_RDONLY); fcntl.flock(folder, EX)
            fcntl.flock(flocked, EX); fcntl.lockf(ranged, EX, 100, 0); fcntl.lockf(ranged, UN, 20, 40)
            gone = os.open(a + '/m', os.O_RDONLY); fcntl.flock(gone, EX)
            put(b + '/m', b'changed')
            waiter = child(lambda: fcntl.flock(os.open(a + '/l', os.O_RDONLY), EX))
            second = child(lambda: fcntl.lockf(os.open(a + '/l', os.O_RDWR), EX, 10, 0))
            time.sleep(0.5)
            os.kill(daemon, signal.SIGKILL)
            os.stat(a + '/l')
            assert not in_other(fcntl.flock, a + '/l', SH, os.O_RDONLY) and not in_other(fcntl.flock, a + '/m', SH, os.O_RDONLY)
            assert not in_other(fcntl.flock, a + '/d', SH, os.O_RDONLY)
            assert in_other(fcntl.lockf, a + '/l', EX, os.O_RDWR, 20, 40)
            assert not in_other(fcntl.lockf, a + '/l', EX, os.O_RDWR, 1, 39) and not in_other(fcntl.lockf, a + '/l', EX, os.O_RDWR, 1, 60)
            fcntl.flock(flocked, UN); ends_within(waiter)
            os.close(ranged); ends_within(second)
            os.close(gone); os.close(folder)
            assert in_other(fcntl.flock, a + '/m', EX, os.O_RDONLY) and in_other(fcntl.flock, a + '/d', EX, os.O_RDONLY)
            assert in_other(fcntl.lockf, a + '/l', EX) and in_other(fcntl.flock, a + '/l', EX)
            """);
    }
}

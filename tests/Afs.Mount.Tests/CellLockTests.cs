using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>`--locks cell` on real mounts (contract S10): locks exclude processes of all clients, and who gets one sees all that was written under it before, also by a descriptor that he had open.</summary>
public sealed class CellLockTests
{
    private const int UsualRounds = 200;

    private static readonly string[] InCell = ["--locks", "cell"];

    /// <summary>Of the scripts: what other processes do.</summary>
    private const string Others = """
        import signal, struct, time
        EX, SH, UN, NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN, fcntl.LOCK_NB
        def child(act, *args):
            pid = os.fork()
            if pid == 0:
                try:
                    act(*args); os._exit(0)
                except BaseException as e:
                    import traceback; traceback.print_exc(); sys.stderr.flush(); os._exit(1)
            return pid
        def ends_within(pid, seconds=60):
            for _ in range(seconds * 100):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    assert status == 0, status
                    return
                time.sleep(0.01)
            raise AssertionError('it waits for ever')
        def goes_on(pid):
            assert os.waitpid(pid, os.WNOHANG) == (0, 0), 'it waits no more'
        def told():
            'A pipe by which a child says that it came so far.'
            r, w = os.pipe()
            return (lambda: os.read(r, 1)), (lambda: os.write(w, b'x'))
        def others_lock(path, start, length):
            'F_GETLK for writing, by this process.'
            fd = os.open(path, os.O_RDWR)
            kind, _, start, length, pid = struct.unpack('hhqqi4x', fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, start, length, 0)))
            return kind, start, length, pid

        """;

    [Theory]
    [InlineData("passthrough", "flock")]
    [InlineData("passthrough", "lockf")]
    [InlineData("daemon", "flock")]
    [InlineData("daemon", "lockf")]
    public async Task Of_a_counter_that_two_clients_raise_under_a_lock_no_increment_is_lost(string io, string call)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + $$"""
            put(a + '/n', b'0')
            def raises(root):
                fd = os.open(root + '/n', os.O_RDWR)
                for i in range(rounds):
                    fcntl.{{call}}(fd, EX)
                    n = int(os.pread(fd, 100, 0))
                    os.pwrite(fd, b'%d' % (n + 1), 0)
                    fcntl.{{call}}(fd, UN)
                os.close(fd)
            both = [child(raises, root) for root in (a, b)]
            for pid in both: ends_within(pid, 100)
            assert get(a + '/n') == get(b + '/n') == b'%d' % (2 * rounds), (get(a + '/n'), get(b + '/n'))
            """, Script.Rounds(UsualRounds));
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Who_opens_anew_each_time_and_who_only_reads_see_what_was_written_too(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + """
            put(a + '/n', b'0')
            def raises(root):
                for i in range(rounds):
                    fd = os.open(root + '/n', os.O_RDWR)
                    fcntl.flock(fd, EX)
                    n = int(os.pread(fd, 100, 0))
                    os.pwrite(fd, b'%d' % (n + 1), 0)
                    os.close(fd)
            def reads(root):
                fd, last = os.open(root + '/n', os.O_RDONLY), 0
                while last < 2 * rounds:
                    fcntl.flock(fd, SH)
                    n = int(os.pread(fd, 100, 0))
                    assert n >= last and n == int(os.pread(fd, 100, 0)), (n, last)
                    assert os.fstat(fd).st_size == len(b'%d' % n), (n, os.fstat(fd).st_size)
                    last = n
                    fcntl.flock(fd, UN)
                    time.sleep(0.01)
            all = [child(act, root) for root in (a, b) for act in (raises, reads)]
            for pid in all: ends_within(pid, 100)
            """, rounds: 100);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_is_locked_on_one_client_is_refused_shown_and_waited_for_on_the_other(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + """
            put(a + '/l', b'x' * 100)
            one, two = os.open(a + '/l', os.O_RDWR), os.open(b + '/l', os.O_RDWR)
            fcntl.flock(one, EX)
            fails(errno.EAGAIN, fcntl.flock, two, EX | NB)
            fails(errno.EAGAIN, fcntl.flock, two, SH | NB)
            waiter = child(lambda: fcntl.flock(os.open(b + '/l', os.O_RDWR), EX))
            time.sleep(0.5); goes_on(waiter)
            fcntl.flock(one, UN)
            ends_within(waiter)

            fcntl.lockf(one, EX, 10, 20)
            def elsewhere():
                fd = os.open(b + '/l', os.O_RDWR)
                fcntl.lockf(fd, EX | NB, 10, 5); fcntl.lockf(fd, EX | NB, 10, 30)
                fails(errno.EAGAIN, fcntl.lockf, fd, SH | NB, 1, 29)
                kind, start, length, pid = others_lock(b + '/l', 0, 0)
                assert (kind, start, length) == (fcntl.F_WRLCK, 20, 10), (kind, start, length, pid)
                assert others_lock(b + '/l', 40, 5)[0] == fcntl.F_UNLCK
            ends_within(child(elsewhere))
            fcntl.lockf(one, UN, 10, 20)
            ends_within(child(lambda: fcntl.lockf(os.open(b + '/l', os.O_RDWR), EX | NB)))

            for i in range(20):
                fcntl.flock(one, SH); fcntl.flock(two, SH | NB)
                fails(errno.EAGAIN, fcntl.flock, two, EX | NB)
                fcntl.flock(one, UN); fcntl.flock(two, EX | NB); fcntl.flock(two, UN)
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_was_written_under_a_lock_is_seen_by_old_descriptors_and_mappings_also_where_the_length_changed(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + """
            for flags in (os.O_RDWR, os.O_RDONLY):
                put(a + '/f', b'first' + b'.' * 200000)
                old = os.open(b + '/f', flags)
                seen = mmap.mmap(old, 0, mmap.MAP_SHARED, mmap.PROT_READ)
                assert seen[:5] == b'first' and os.pread(old, 5, 0) == b'first'
                one = os.open(a + '/f', os.O_RDWR)
                fcntl.flock(one, EX)
                os.pwrite(one, b'other', 0); os.pwrite(one, b'end', 300000)
                fcntl.flock(one, UN)
                fcntl.flock(old, SH)
                assert os.pread(old, 5, 0) == b'other', os.pread(old, 5, 0)
                assert os.fstat(old).st_size == 300003 and os.pread(old, 10, 300000) == b'end', os.fstat(old)
                assert seen[:5] == b'other', seen[:5]
                fcntl.flock(old, UN)
                fcntl.flock(one, EX); os.ftruncate(one, 10); fcntl.flock(one, UN)
                fcntl.flock(old, SH)
                assert os.fstat(old).st_size == 10 and os.pread(old, 100, 0) == b'other.....', os.pread(old, 100, 0)
                fcntl.flock(old, UN)
                seen.close(); os.close(old); os.close(one)
                assert get(a + '/f') == get(b + '/f') == b'other.....'
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task A_signal_a_close_and_the_end_of_a_process_free_locks_and_waiters_for_other_clients(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + """
            put(a + '/l', b'x')
            def holds(tell, root, call):
                fd = os.open(root + '/l', os.O_RDWR)
                call(fd, EX); tell(); time.sleep(100)
            two = os.open(b + '/l', os.O_RDWR)
            for call in (fcntl.flock, fcntl.lockf):
                hear, tell = told()
                holder = child(holds, tell, a, call); hear()
                fails(errno.EAGAIN, call, two, EX | NB)
                waiter = child(lambda: call(os.open(b + '/l', os.O_RDWR), EX))
                time.sleep(0.3); goes_on(waiter)
                os.kill(holder, signal.SIGKILL); os.waitpid(holder, 0)
                ends_within(waiter, 10)
                call(two, EX | NB)
                def is_woken():
                    class Woken(Exception): pass
                    def wake(*_): raise Woken
                    signal.signal(signal.SIGALRM, wake); signal.setitimer(signal.ITIMER_REAL, 0.3)
                    try: call(os.open(a + '/l', os.O_RDWR), EX)
                    except Woken: return
                    raise AssertionError('it got the lock')
                ends_within(child(is_woken))
                killed = child(lambda: call(os.open(a + '/l', os.O_RDWR), EX))
                time.sleep(0.3); os.kill(killed, signal.SIGKILL); os.waitpid(killed, 0)
                call(two, UN)
                ends_within(child(lambda: call(os.open(a + '/l', os.O_RDWR), EX | NB)))
                ends_within(child(lambda: call(os.open(b + '/l', os.O_RDWR), EX)))
            """);
    }

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task SQLite_on_two_clients_loses_no_transaction(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync([.. InCell, "--io", io]), b = await cell.MountAsync([.. InCell, "--io", io]);

        Script.Run(a, b, Others + """
            import sqlite3
            def connect(root):
                db = sqlite3.connect(root + '/db', timeout=60, isolation_level=None)
                db.execute('pragma journal_mode=delete'); db.execute('pragma synchronous=full')
                return db
            with_table = connect(a)
            with_table.execute('create table t (who text, n int, pad text)'); with_table.close()
            def inserts(root, who):
                db = connect(root)
                for i in range(rounds):
                    db.execute('begin immediate')
                    count = db.execute('select count(*) from t').fetchone()[0]
                    db.execute('insert into t values (?, ?, ?)', (who, count, 'x' * 200))
                    db.execute('commit')
                db.close()
            both = [child(inserts, root, who) for root, who in ((a, 'a'), (b, 'b'))]
            for pid in both: ends_within(pid, 110)
            for root in (a, b):
                db = connect(root)
                assert db.execute('pragma integrity_check').fetchall() == [('ok',)]
                assert sorted(n for n, in db.execute('select n from t')) == list(range(2 * rounds))
                assert db.execute("select count(*) from t where who = 'a'").fetchone() == (rounds,)
                db.close()
            """, Script.Rounds(60));
    }

    [Fact]
    public async Task A_lock_that_nobody_else_asks_for_costs_no_call()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(InCell);
        const string Lock = """
            fd = os.open(a + '/l', os.O_RDWR)
            for i in range(100):
                fcntl.flock(fd, fcntl.LOCK_EX); fcntl.flock(fd, fcntl.LOCK_UN)
                fcntl.lockf(fd, fcntl.LOCK_EX, 10, i); fcntl.lockf(fd, fcntl.LOCK_UN)
            os.close(fd)
            """;
        Script.Run(a, "put(a + '/l', b'x')\n" + Lock);
        long before = a.CountCalls();

        Script.Run(a, Lock);

        Assert.Equal(before, a.CountCalls());
        Assert.Equal(1, a.ReadStatus().GetProperty("figures").GetProperty("locks.tokens").GetInt64());
    }
}

"""flock(2) and fcntl(2) locks among processes."""

import errno
import fcntl
import os
import struct
import time

from harness.expect import equal, fails, true
from harness.files import make, opened
from harness.processes import Child, Gate, in_child
from harness.registry import case

EX, SH, UN, NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN, fcntl.LOCK_NB
OFD_SETLK = 37
SETTLE_S = 0.05  # lets a child reach its wait; the case holds however long that takes


def record(kind, start, length, pid=0):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, pid)


def in_other_process(operation, start=0, length=0):
    """Whether another process gets this fcntl lock without waiting."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with opened("f", os.O_RDWR) as f:
            try:
                fcntl.lockf(f, operation | NB, length, start)
                os.write(writer, b"y")
            except (BlockingIOError, PermissionError):
                os.write(writer, b"n")
        os._exit(0)
    os.waitpid(pid, 0)
    answer = os.read(reader, 1) == b"y"
    os.close(reader)
    os.close(writer)
    return answer


def waiter(operation, acquired, released_by=None):
    """A process that waits for an fcntl lock of the whole file and then opens the gate."""
    def act():
        with opened("f", os.O_RDWR) as f:
            fcntl.lockf(f, operation)
            acquired.open()
            if released_by:
                released_by.wait()
    return Child(act)


@case
def flock_excludes_another_open():
    make("f")
    with opened("f") as one, opened("f") as two:
        fcntl.flock(one, EX)
        fails(errno.EAGAIN, fcntl.flock, two, EX | NB)
        fails(errno.EAGAIN, fcntl.flock, two, SH | NB)
        fcntl.flock(one, UN)
        fcntl.flock(two, EX | NB)


@case
def flock_shared_admits_readers():
    make("f")
    with opened("f") as one, opened("f") as two:
        fcntl.flock(one, SH)
        fcntl.flock(two, SH | NB)
        fails(errno.EAGAIN, fcntl.flock, two, EX | NB)


@case
def flock_belongs_to_the_open_file_and_not_to_the_process():
    make("f")
    with opened("f") as one:
        fcntl.flock(one, EX)
        copy = os.dup(one)
        fcntl.flock(copy, EX | NB)
        os.close(copy)
        with opened("f") as two:
            fails(errno.EAGAIN, fcntl.flock, two, EX | NB)


@case
def flock_is_released_by_close():
    make("f")
    one = os.open("f", os.O_RDONLY)
    fcntl.flock(one, EX)
    os.close(one)
    with opened("f") as two:
        fcntl.flock(two, EX | NB)


@case
def flock_is_inherited_over_fork_and_lives_until_the_last_close():
    make("f")
    gate = Gate()
    one = os.open("f", os.O_RDONLY)
    fcntl.flock(one, EX)
    child = Child(gate.wait)
    os.close(one)
    with opened("f") as two:
        fails(errno.EAGAIN, fcntl.flock, two, EX | NB)
        gate.open()
        child.wait()
        fcntl.flock(two, EX | NB)


@case
def flock_waits_until_it_is_released():
    make("f")
    acquired = Gate()

    def act():
        with opened("f") as f:
            fcntl.flock(f, EX)
            acquired.open()
    with opened("f") as one:
        fcntl.flock(one, EX)
        child = Child(act)
        time.sleep(SETTLE_S)
        fcntl.flock(one, UN)
        acquired.wait()
    child.wait()


@case
def flock_waiter_can_be_killed():
    make("f")
    with opened("f") as one:
        fcntl.flock(one, EX)
        child = Child(lambda: fcntl.flock(os.open("f", os.O_RDONLY), EX))
        time.sleep(SETTLE_S)
        equal(os.WTERMSIG(child.kill()), 9, "signal")
    with opened("f") as two:
        fcntl.flock(two, EX | NB)


@case
def flock_is_released_when_its_process_is_killed():
    make("f")
    held = Gate()

    def act():
        fcntl.flock(os.open("f", os.O_RDONLY), EX)
        held.open()
        time.sleep(60)
    child = Child(act)
    held.wait()
    child.kill()
    with opened("f") as f:
        fcntl.flock(f, EX | NB)


@case
def flock_changes_from_shared_to_exclusive():
    make("f")
    with opened("f") as one, opened("f") as two:
        fcntl.flock(one, SH)
        fcntl.flock(one, EX)
        fails(errno.EAGAIN, fcntl.flock, two, SH | NB)
        fcntl.flock(one, SH)
        fcntl.flock(two, SH | NB)


@case
def flock_of_a_directory():
    os.mkdir("d")
    with opened("d") as one, opened("d") as two:
        fcntl.flock(one, EX)
        fails(errno.EAGAIN, fcntl.flock, two, EX | NB)


@case
def record_lock_excludes_another_process():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX)
        true(not in_other_process(EX) and not in_other_process(SH), "others are refused")
        fcntl.lockf(f, UN)
        true(in_other_process(EX), "others are admitted")


@case
def record_lock_shared_admits_readers():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, SH)
        true(in_other_process(SH) and not in_other_process(EX), "readers and no writer")


@case
def record_locks_of_different_ranges_do_not_meet():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX, 10, 100)
        true(in_other_process(EX, 0, 100) and in_other_process(EX, 110, 10), "the neighbours are free")
        true(not in_other_process(EX, 109, 1) and not in_other_process(EX, 0, 0), "the range and the whole are not")


@case
def record_lock_in_the_middle_is_released():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX, 100, 0)
        fcntl.lockf(f, UN, 20, 40)
        true(in_other_process(EX, 40, 20), "the middle is free")
        true(not in_other_process(EX, 0, 40) and not in_other_process(EX, 60, 40), "both sides are held")


@case
def record_locks_past_four_gib():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX, 10, 5 << 30)
        true(not in_other_process(EX, (5 << 30) + 9, 1) and in_other_process(EX, 0, 100), "that range and no other")


@case
def record_lock_is_released_by_any_close_of_the_file():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX)
        os.close(os.open("f", os.O_RDONLY))
        true(in_other_process(EX), "the lock is gone")


@case
def record_lock_is_not_inherited_by_a_child():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX)
        in_child(lambda: fails(errno.EAGAIN, fcntl.lockf, f, EX | NB))


@case
def record_lock_waits_until_it_is_released():
    make("f")
    acquired = Gate()
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX)
        child = waiter(EX, acquired)
        time.sleep(SETTLE_S)
        fcntl.lockf(f, UN)
        acquired.wait()
    child.wait()


@case
def record_lock_waiter_can_be_killed():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX)
        child = waiter(EX, Gate())
        time.sleep(SETTLE_S)
        equal(os.WTERMSIG(child.kill()), 9, "signal")
        fcntl.lockf(f, UN)
        true(in_other_process(EX), "the dead waiter holds nothing")


@case
def record_lock_is_released_when_its_process_is_killed():
    make("f")
    held = Gate()
    child = waiter(EX, held, released_by=Gate())
    held.wait()
    true(not in_other_process(EX), "it is held")
    child.kill()
    true(in_other_process(EX), "it is free")


@case
def record_lock_tells_who_holds_it():
    make("f")
    held, done = Gate(), Gate()
    child = waiter(EX, held, released_by=done)
    held.wait()
    with opened("f", os.O_RDWR) as f:
        answer = fcntl.fcntl(f, fcntl.F_GETLK, record(fcntl.F_WRLCK, 0, 0))
    kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
    equal((kind, start, length, pid), (fcntl.F_WRLCK, 0, 0, child.pid), "type, start, length, process")
    done.open()
    child.wait()


@case
def record_locks_that_wait_for_each_other_fail():
    make("f")
    first, second = Gate(), Gate()

    def act():
        with opened("f", os.O_RDWR) as f:
            fcntl.lockf(f, EX, 1, 1)
            first.open()
            second.wait()
            fcntl.lockf(f, EX, 1, 0)
    with opened("f", os.O_RDWR) as f:
        fcntl.lockf(f, EX, 1, 0)
        child = Child(act)
        first.wait()
        second.open()
        time.sleep(SETTLE_S)
        fails(errno.EDEADLK, fcntl.lockf, f, EX, 1, 1)
        fcntl.lockf(f, UN, 1, 0)
        child.wait()


@case
def record_lock_needs_a_descriptor_of_its_kind():
    make("f")
    with opened("f") as f:
        fails(errno.EBADF, fcntl.lockf, f, EX | NB)
    with opened("f", os.O_WRONLY) as f:
        fails(errno.EBADF, fcntl.lockf, f, SH | NB)


@case
def record_lock_of_an_unlinked_file():
    make("f")
    with opened("f", os.O_RDWR) as f:
        os.unlink("f")
        fcntl.lockf(f, EX)
        in_child(lambda: fails(errno.EAGAIN, fcntl.lockf, f, EX | NB))


@case
def record_lock_is_shared_by_hard_links():
    make("a")
    os.link("a", "f")
    with opened("a", os.O_RDWR) as a:
        fcntl.lockf(a, EX)
        true(not in_other_process(EX), "held by the other name too")


@case
def open_file_description_locks_exclude_each_other_in_one_process():
    make("f")
    with opened("f", os.O_RDWR) as one, opened("f", os.O_RDWR) as two:
        fcntl.fcntl(one, OFD_SETLK, record(fcntl.F_WRLCK, 0, 10))
        fails(errno.EAGAIN, fcntl.fcntl, two, OFD_SETLK, record(fcntl.F_WRLCK, 5, 1))
        fcntl.fcntl(two, OFD_SETLK, record(fcntl.F_WRLCK, 10, 1))
        fcntl.fcntl(one, OFD_SETLK, record(fcntl.F_UNLCK, 0, 10))
        fcntl.fcntl(two, OFD_SETLK, record(fcntl.F_WRLCK, 5, 1))


@case
def open_file_description_lock_outlives_another_close():
    make("f")
    with opened("f", os.O_RDWR) as one:
        fcntl.fcntl(one, OFD_SETLK, record(fcntl.F_WRLCK, 0, 0))
        os.close(os.open("f", os.O_RDWR))
        true(not in_other_process(EX), "still held")


@case
def flock_and_record_locks_do_not_meet():
    make("f")
    with opened("f", os.O_RDWR) as f:
        fcntl.flock(f, EX)
        true(in_other_process(EX), "a record lock is granted beside a flock")


@case
def a_counter_under_a_lock_counts_right():
    make("f", b"0")

    def count():
        for _ in range(100):
            with opened("f", os.O_RDWR) as f:
                fcntl.lockf(f, EX)
                value = int(os.pread(f, 20, 0)) + 1
                os.pwrite(f, str(value).encode(), 0)
    children = [Child(count) for _ in range(4)]
    for child in children:
        child.wait()
    with opened("f") as f:
        equal(os.read(f, 20), b"400", "count")

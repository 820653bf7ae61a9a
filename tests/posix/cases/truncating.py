"""truncate(2) and ftruncate(2)."""

import errno
import os
import resource
import signal

from harness.expect import equal, fails
from harness.files import make, opened, read
from harness.processes import in_child
from harness.registry import case

GIB = 1 << 30


@case
def truncate_shrinks():
    make("f", b"abcdef")
    os.truncate("f", 3)
    equal((read("f"), os.stat("f").st_size), (b"abc", 3), "content and size")


@case
def truncate_grows_with_zeros():
    make("f", b"abc")
    os.truncate("f", 6)
    equal(read("f"), b"abc\0\0\0", "content")


@case
def truncate_down_and_up_leaves_no_old_bytes():
    make("f", b"x" * 10000)
    os.truncate("f", 5000)
    os.truncate("f", 10000)
    equal(read("f"), b"x" * 5000 + bytes(5000), "content")


@case
def truncate_to_zero():
    make("f", b"abc")
    os.truncate("f", 0)
    equal(read("f"), b"", "content")


@case
def ftruncate_by_descriptor_keeps_the_offset():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abcdef")
        os.ftruncate(f, 2)
        os.write(f, b"X")
    equal(read("f"), b"ab\0\0\0\0X", "content")


@case
def ftruncate_of_a_read_only_descriptor_fails():
    make("f")
    with opened("f") as f:
        fails(errno.EINVAL, os.ftruncate, f, 0)


@case
def truncate_of_a_directory_fails():
    os.mkdir("d")
    fails(errno.EISDIR, os.truncate, "d", 0)


@case
def truncate_of_a_missing_file_fails():
    fails(errno.ENOENT, os.truncate, "f", 0)


@case
def truncate_to_a_negative_length_fails():
    make("f")
    fails(errno.EINVAL, os.truncate, "f", -1)


@case
def truncate_past_four_gib():
    make("f", b"abc")
    os.truncate("f", 5 * GIB + 7)
    equal(os.stat("f").st_size, 5 * GIB + 7, "size")
    with opened("f") as f:
        equal((os.pread(f, 4, 0), os.pread(f, 10, 5 * GIB)), (b"abc\0", bytes(7)), "content at both ends")


@case
def truncate_is_seen_by_an_open_descriptor():
    make("f", b"abcdef")
    with opened("f", os.O_RDWR) as f:
        os.pread(f, 9, 0)
        os.truncate("f", 2)
        equal((os.pread(f, 9, 0), os.fstat(f).st_size, os.lseek(f, 0, os.SEEK_END)), (b"ab", 2, 2), "content, size, end")


@case
def truncate_of_a_file_that_is_being_written():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"a" * 9000)
        os.truncate("f", 4500)
        os.pwrite(f, b"b" * 10, 9000)
    equal(read("f"), b"a" * 4500 + bytes(4500) + b"b" * 10, "content")


@case
def file_size_limit_cuts_a_write_and_then_fails():
    def act():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with opened("f", os.O_WRONLY | os.O_CREAT) as f:
            equal(os.write(f, b"x" * 1500), 1000, "bytes written")
            fails(errno.EFBIG, os.write, f, b"x")
            fails(errno.EFBIG, os.ftruncate, f, 1001)
    in_child(act)
    equal(os.stat("f").st_size, 1000, "size")


@case
def file_size_limit_sends_a_signal():
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        f = os.open("f", os.O_WRONLY | os.O_CREAT)
        os.write(f, b"x" * 10)
        os.write(f, b"x")
        os._exit(0)
    equal(os.WTERMSIG(os.waitpid(pid, 0)[1]), signal.SIGXFSZ, "signal")

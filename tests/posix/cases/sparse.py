"""Files with holes: SEEK_HOLE, SEEK_DATA, fallocate(2)."""

import errno
import os

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.registry import case
from harness.syscalls import FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, fallocate

MIB, GIB = 1 << 20, 1 << 30
PUNCH = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE


@case
def write_far_behind_the_end_leaves_a_hole_of_zeros():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.pwrite(f, b"end", MIB)
        equal((os.fstat(f).st_size, os.pread(f, MIB, 0)), (MIB + 3, bytes(MIB)), "size and hole")


@case
def write_and_read_past_four_gib():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        for offset in (4 * GIB - 2, 6 * GIB):
            os.pwrite(f, b"abcd", offset)
            equal(os.pread(f, 4, offset), b"abcd", f"content at {offset}")
        equal(os.lseek(f, 0, os.SEEK_END), 6 * GIB + 4, "end")


@case
def a_sparse_file_survives_close_and_reopen():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.pwrite(f, b"head", 0)
        os.pwrite(f, b"tail", 5 * GIB)
    with opened("f") as f:
        equal((os.pread(f, 6, 0), os.pread(f, 6, 5 * GIB - 2), os.fstat(f).st_size), (b"head\0\0", b"\0\0tail", 5 * GIB + 4), "content and size")


@case
def a_sparse_file_takes_little_space():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.pwrite(f, b"x", GIB)
        os.fsync(f)
    true(os.stat("f").st_blocks * 512 < MIB, "less than 1 MiB for 1 GiB of hole")


@case
def seek_data_and_seek_hole_find_the_parts():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.pwrite(f, b"x" * 65536, MIB)
        os.ftruncate(f, 2 * MIB)
        os.fsync(f)
        equal(os.lseek(f, 0, os.SEEK_DATA), MIB, "first data")
        equal(os.lseek(f, MIB, os.SEEK_HOLE), MIB + 65536, "hole behind the data")
        equal(os.lseek(f, 0, os.SEEK_HOLE), 0, "first hole")
        fails(errno.ENXIO, os.lseek, f, MIB + 65536, os.SEEK_DATA)


@case
def seek_hole_of_a_full_file_is_its_end():
    make("f", b"x" * 5000)
    with opened("f") as f:
        equal((os.lseek(f, 0, os.SEEK_HOLE), os.lseek(f, 10, os.SEEK_DATA)), (5000, 10), "hole and data")


@case
def seek_at_or_behind_the_end_fails():
    make("f", b"abc")
    with opened("f") as f:
        for offset in (3, 100):
            fails(errno.ENXIO, os.lseek, f, offset, os.SEEK_DATA)
            fails(errno.ENXIO, os.lseek, f, offset, os.SEEK_HOLE)


@case
def fallocate_extends_the_file_with_zeros():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as f:
        fallocate(f, 0, 0, 100000)
    equal((os.stat("f").st_size, read("f")), (100000, b"abc" + bytes(99997)), "size and content")


@case
def fallocate_keep_size_leaves_the_size():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as f:
        fallocate(f, FALLOC_KEEP_SIZE, 0, 100000)
    equal((os.stat("f").st_size, read("f")), (3, b"abc"), "size and content")


@case
def posix_fallocate_extends_and_never_shrinks():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as f:
        os.posix_fallocate(f, 0, 2)
        equal(os.fstat(f).st_size, 3, "size")
        os.posix_fallocate(f, 10, 10)
        equal((os.fstat(f).st_size, os.pread(f, 99, 0)), (20, b"abc" + bytes(17)), "size and content")


@case
def punch_hole_zeroes_the_range_only():
    make("f", b"x" * 30000)
    with opened("f", os.O_RDWR) as f:
        fallocate(f, PUNCH, 5000, 10000)
    equal(read("f"), b"x" * 5000 + bytes(10000) + b"x" * 15000, "content")


@case
def punch_hole_behind_the_end_changes_nothing():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as f:
        fallocate(f, PUNCH, 1000, 1000)
    equal(read("f"), b"abc", "content")


@case
def punch_hole_gives_space_back():
    make("f", b"x" * MIB)
    with opened("f", os.O_RDWR) as f:
        os.fsync(f)
        before = os.fstat(f).st_blocks
        fallocate(f, PUNCH, 0, MIB)
        os.fsync(f)
        true(os.fstat(f).st_blocks < before, "fewer blocks")


@case
def punch_hole_survives_close_and_reopen():
    make("f", b"x" * 30000)
    with opened("f", os.O_RDWR) as f:
        fallocate(f, PUNCH, 8192, 8192)
    equal(read("f"), b"x" * 8192 + bytes(8192) + b"x" * 13616, "content")


@case
def zero_range_may_extend_the_file():
    make("f", b"x" * 10000)
    with opened("f", os.O_RDWR) as f:
        fallocate(f, FALLOC_ZERO_RANGE, 5000, 10000)
    equal(read("f"), b"x" * 5000 + bytes(10000), "content")


@case
def zero_range_that_keeps_the_size():
    make("f", b"x" * 10000)
    with opened("f", os.O_RDWR) as f:
        fallocate(f, FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, 5000, 10000)
    equal(read("f"), b"x" * 5000 + bytes(5000), "content")


@case
def fallocate_with_bad_arguments_fails():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as f:
        fails(errno.EINVAL, fallocate, f, 0, 0, 0)
        fails(errno.EINVAL, fallocate, f, 0, -1, 10)
        fails(errno.EOPNOTSUPP, fallocate, f, FALLOC_PUNCH_HOLE, 0, 10)
    with opened("f") as f:
        fails(errno.EBADF, fallocate, f, 0, 0, 10)


@case
def fallocate_is_seen_at_once_through_another_descriptor():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as writer, opened("f") as reader:
        fallocate(writer, 0, 0, 10)
        equal((os.fstat(reader).st_size, os.pread(reader, 99, 0)), (10, b"abc" + bytes(7)), "size and content")

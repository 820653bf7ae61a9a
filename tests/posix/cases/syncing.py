"""fsync(2) and its relatives."""

import errno
import os

from harness.expect import equal, fails
from harness.files import make, opened, read
from harness.registry import case
from harness.syscalls import sync_file_range, syncfs


@case
def fsync_and_fdatasync_of_a_written_file():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        for sync in (os.fsync, os.fdatasync):
            os.write(f, b"abc")
            sync(f)
    equal(read("f"), b"abcabc", "content")


@case
def fsync_of_a_read_only_descriptor():
    make("f", b"abc")
    with opened("f") as f:
        os.fsync(f)
        os.fdatasync(f)


@case
def fsync_of_a_directory():
    os.mkdir("d")
    make("d/f")
    with opened("d") as d:
        os.fsync(d)
        os.fdatasync(d)


@case
def fsync_of_an_unlinked_file():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abc")
        os.unlink("f")
        os.fsync(f)


@case
def fsync_of_a_pipe_fails():
    reader, _ = os.pipe()
    fails(errno.EINVAL, os.fsync, reader)


@case
def writes_with_o_sync_and_o_dsync():
    for flag in (os.O_SYNC, os.O_DSYNC):
        with opened("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flag) as f:
            for _ in range(5):
                os.write(f, b"abc")
        equal(read("f"), b"abc" * 5, "content")


@case
def syncfs_and_sync_file_range():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"x" * 100_000)
        sync_file_range(f, 0, 50_000, 7)
        syncfs(f)
    equal(os.stat("f").st_size, 100_000, "size")


@case
def fsync_between_writes_keeps_the_order():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        for i in range(30):
            os.pwrite(f, bytes([i]) * 100, 0)
            os.fsync(f)
            equal(os.pread(f, 100, 0), bytes([i]) * 100, "content")
    equal(read("f"), bytes([29]) * 100, "content at the end")


@case
def the_way_editors_save():
    make("f", b"old")
    with opened("f.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as f:
        os.write(f, b"new")
        os.fsync(f)
    os.rename("f.new", "f")
    with opened(".") as d:
        os.fsync(d)
    equal((read("f"), os.listdir(".")), (b"new", ["f"]), "content and names")

"""unlink(2), above all of files that are open."""

import errno
import os

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.processes import Child, Gate
from harness.registry import case


@case
def unlink_removes_the_name():
    make("f")
    os.unlink("f")
    fails(errno.ENOENT, os.stat, "f")
    equal(os.listdir("."), [], "names")


@case
def unlink_of_a_missing_name_fails():
    fails(errno.ENOENT, os.unlink, "f")


@case
def unlink_of_a_directory_fails():
    os.mkdir("d")
    fails(errno.EISDIR, os.unlink, "d")


@case
def unlink_with_a_trailing_slash_fails():
    make("f")
    fails(errno.ENOTDIR, os.unlink, "f/")


@case
def an_unlinked_open_file_is_read_and_written():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abc")
        os.unlink("f")
        os.write(f, b"def")
        equal((os.pread(f, 99, 0), os.fstat(f).st_nlink, os.fstat(f).st_size), (b"abcdef", 0, 6), "content, links, size")


@case
def an_unlinked_open_file_is_truncated_and_changes_mode():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abcdef")
        os.unlink("f")
        os.ftruncate(f, 3)
        os.fchmod(f, 0o600)
        os.fchown(f, 5, 6)
        os.utime(f, (11, 22))
        os.fsync(f)
        status = os.fstat(f)
    equal((status.st_size, status.st_mode & 0o777, status.st_uid, status.st_gid, status.st_mtime), (3, 0o600, 5, 6, 22), "status")


@case
def an_unlinked_file_opened_by_two_is_shared_still():
    make("f", b"abc")
    with opened("f", os.O_RDWR) as one, opened("f") as two:
        os.unlink("f")
        os.pwrite(one, b"X", 1)
        equal(os.pread(two, 9, 0), b"aXc", "content")


@case
def an_unlinked_file_can_be_reopened_through_proc():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abc")
        os.unlink("f")
        with opened(f"/proc/self/fd/{f}") as again:
            equal(os.read(again, 9), b"abc", "content")


@case
def a_name_used_again_does_not_touch_the_unlinked_file():
    make("f", b"old")
    with opened("f") as old:
        os.unlink("f")
        make("f", b"new")
        equal((os.read(old, 9), read("f")), (b"old", b"new"), "contents")


@case
def a_directory_can_be_removed_while_its_unlinked_file_is_open():
    os.mkdir("d")
    with opened("d/f", os.O_RDWR | os.O_CREAT) as f:
        os.unlink("d/f")
        os.rmdir("d")
        os.write(f, b"abc")
        equal(os.pread(f, 9, 0), b"abc", "content")


@case
def an_unlinked_file_stays_with_the_process_that_has_it():
    ready, gone = Gate(), Gate()
    make("f", b"abc")

    def hold():
        with opened("f") as f:
            ready.open()
            gone.wait()
            equal(os.read(f, 9), b"abc", "content")
    child = Child(hold)
    ready.wait()
    os.unlink("f")
    gone.open()
    child.wait()


@case
def unlink_by_descriptor_of_the_directory():
    os.mkdir("d")
    make("d/f")
    with opened("d") as d:
        os.unlink("f", dir_fd=d)
    equal(os.listdir("d"), [], "names")


@case
def a_thousand_files_are_made_and_removed():
    for i in range(1000):
        make(f"f{i}", b"x")
    for i in range(1000):
        os.unlink(f"f{i}")
    equal(os.listdir("."), [], "names")


@case
def an_unlinked_large_file_gives_its_space_back_at_close():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"x" * (1 << 20))
        os.unlink("f")
        os.lseek(f, 0, os.SEEK_SET)
        true(len(os.read(f, 2 << 20)) == 1 << 20, "it is readable to its end")

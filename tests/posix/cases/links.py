"""link(2): several names of one file."""

import errno
import os

from harness.expect import equal, fails, true
from harness.files import links, make, opened, read, same_file
from harness.registry import case
from harness.syscalls import link_descriptor, link_following


@case
def link_gives_a_second_name():
    make("a", b"abc")
    os.link("a", "b")
    true(same_file("a", "b"), "one file")
    equal((links("a"), read("b")), (2, b"abc"), "links and content")


@case
def link_into_another_directory():
    os.makedirs("d/e")
    make("a", b"abc")
    os.link("a", "d/e/b")
    true(same_file("a", "d/e/b"), "one file")
    equal(links("d/e/b"), 2, "links")


@case
def a_write_by_one_name_is_read_by_the_other():
    os.mkdir("d")
    make("a", b"abc")
    os.link("a", "d/b")
    make("a", b"longer content")
    equal((read("d/b"), os.stat("d/b").st_size), (b"longer content", 14), "content and size")


@case
def two_names_open_at_once_share_the_content():
    make("a", b"abc")
    os.link("a", "b")
    with opened("a", os.O_RDWR) as a, opened("b", os.O_RDWR) as b:
        os.pwrite(a, b"X", 0)
        os.pwrite(b, b"Y", 1)
        equal((os.pread(a, 9, 0), os.pread(b, 9, 0)), (b"XYc", b"XYc"), "contents")


@case
def mode_owner_and_times_are_shared_by_the_names():
    make("a")
    os.link("a", "b")
    os.chmod("a", 0o601)
    os.chown("b", 5, 6)
    os.utime("a", (11, 22))
    status = os.stat("b")
    equal((status.st_mode & 0o777, status.st_uid, status.st_gid, status.st_mtime), (0o601, 5, 6, 22), "status")
    equal(os.stat("a"), status, "status by both names")


@case
def unlink_of_one_name_leaves_the_other():
    make("a", b"abc")
    os.link("a", "b")
    os.unlink("a")
    equal((links("b"), read("b")), (1, b"abc"), "links and content")


@case
def unlink_of_one_name_while_the_file_is_open():
    make("a", b"abc")
    os.link("a", "b")
    with opened("a", os.O_RDWR) as f:
        os.unlink("a")
        os.pwrite(f, b"x", 0)
        equal(os.fstat(f).st_nlink, 1, "links")
    equal(read("b"), b"xbc", "content")


@case
def link_to_a_taken_name_fails():
    make("a")
    make("b")
    os.mkdir("d")
    fails(errno.EEXIST, os.link, "a", "b")
    fails(errno.EEXIST, os.link, "a", "d")
    fails(errno.EEXIST, os.link, "a", "a")


@case
def link_of_a_missing_file_fails():
    fails(errno.ENOENT, os.link, "a", "b")


@case
def link_of_a_directory_fails():
    os.mkdir("d")
    fails(errno.EPERM, os.link, "d", "e")


@case
def link_into_a_missing_directory_fails():
    make("a")
    fails(errno.ENOENT, os.link, "a", "d/b")


@case
def link_of_a_symlink_is_a_link_to_the_link():
    make("target")
    os.symlink("target", "a")
    os.link("a", "b", follow_symlinks=False)
    true(same_file("a", "b") and os.path.islink("b"), "one symbolic link with two names")
    equal((links("a"), links("target")), (2, 1), "links")


@case
def link_can_follow_a_symlink():
    make("target")
    os.symlink("target", "a")
    link_following("a", "b")
    true(same_file("b", "target"), "one file")


@case
def link_of_an_unlinked_file_fails():
    with opened("a", os.O_RDWR | os.O_CREAT) as f:
        os.unlink("a")
        fails(errno.ENOENT, link_descriptor, f, "b")


@case
def link_of_a_fifo():
    os.mkfifo("a")
    os.link("a", "b")
    true(same_file("a", "b"), "one fifo")


@case
def three_hundred_links_are_counted():
    make("f", b"abc")
    os.mkdir("d")
    for i in range(300):
        os.link("f", f"d/l{i}")
    equal((links("f"), read("d/l299")), (301, b"abc"), "links and content")
    for i in range(300):
        os.unlink(f"d/l{i}")
    equal(links("f"), 1, "links")


@case
def rename_of_one_name_keeps_the_other():
    make("a", b"abc")
    os.link("a", "b")
    os.rename("b", "c")
    true(same_file("a", "c"), "one file")
    equal(links("a"), 2, "links")


@case
def link_survives_the_removal_of_the_first_directory():
    os.mkdir("d")
    os.mkdir("e")
    make("d/f", b"abc")
    os.link("d/f", "e/g")
    os.unlink("d/f")
    os.rmdir("d")
    equal((read("e/g"), links("e/g")), (b"abc", 1), "content and links")

"""open(2) with O_CREAT and its companions."""

import errno
import os
import stat

from harness.expect import equal, fails, true
from harness.files import make, opened, permissions, read, same_file
from harness.registry import case
from harness.syscalls import link_descriptor

CREATE = os.O_WRONLY | os.O_CREAT


@case
def create_makes_an_empty_regular_file():
    with opened("f", CREATE):
        status = os.stat("f")
    true(stat.S_ISREG(status.st_mode), "it is a regular file")
    equal((status.st_size, status.st_nlink, status.st_uid), (0, 1, 0), "size, links, owner")


@case
def create_applies_the_umask():
    os.umask(0o027)
    with opened("f", CREATE, 0o666):
        equal(permissions("f"), 0o640, "mode")


@case
def create_keeps_set_id_bits_of_the_mode():
    os.umask(0)
    with opened("f", CREATE, 0o6755):
        equal(permissions("f"), 0o6755, "mode")


@case
def create_with_mode_zero_still_gives_a_writable_descriptor():
    with opened("f", os.O_RDWR | os.O_CREAT, 0) as f:
        os.write(f, b"abc")
        equal(os.pread(f, 10, 0), b"abc", "content")
    equal(permissions("f"), 0, "mode")


@case
def create_read_only_mode_with_write_descriptor():
    with opened("f", CREATE, 0o444) as f:
        os.write(f, b"abc")
    equal(read("f"), b"abc", "content")


@case
def create_leaves_an_existing_file_and_its_mode():
    make("f", b"abc", 0o600)
    with opened("f", CREATE, 0o777):
        pass
    equal((read("f"), permissions("f")), (b"abc", 0o600), "content and mode")


@case
def create_in_a_missing_directory_fails():
    fails(errno.ENOENT, os.open, "d/f", CREATE)


@case
def create_below_a_file_fails():
    make("f")
    fails(errno.ENOTDIR, os.open, "f/g", CREATE)


@case
def create_on_a_directory_fails():
    os.mkdir("d")
    fails(errno.EISDIR, os.open, "d", CREATE)


@case
def create_with_a_trailing_slash_fails():
    fails(errno.EISDIR, os.open, "f/", CREATE)


@case
def create_through_a_dangling_symlink_makes_its_target():
    os.symlink("target", "link")
    with opened("link", CREATE) as f:
        os.write(f, b"abc")
    equal(read("target"), b"abc", "content")


@case
def create_in_a_removed_directory_fails():
    os.mkdir("d")
    with opened("d", os.O_RDONLY | os.O_DIRECTORY) as d:
        os.rmdir("d")
        fails(errno.ENOENT, os.open, "f", CREATE, dir_fd=d)


@case
def excl_creates_a_new_file():
    with opened("f", CREATE | os.O_EXCL):
        true(os.path.exists("f"), "the file exists")


@case
def excl_fails_on_an_existing_file():
    make("f")
    fails(errno.EEXIST, os.open, "f", CREATE | os.O_EXCL)


@case
def excl_fails_on_a_directory():
    os.mkdir("d")
    fails(errno.EEXIST, os.open, "d", CREATE | os.O_EXCL)


@case
def excl_fails_on_a_dangling_symlink():
    os.symlink("nowhere", "link")
    fails(errno.EEXIST, os.open, "link", CREATE | os.O_EXCL)
    true(not os.path.lexists("nowhere"), "nothing was made")


@case
def excl_lets_one_of_several_processes_win():
    winners = []
    for round_number in range(20):
        reader, writer = os.pipe()
        pids = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                try:
                    os.open(f"f{round_number}", CREATE | os.O_EXCL)
                    os.write(writer, b"w")
                except FileExistsError:
                    pass
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        os.close(writer)
        winners.append(len(os.read(reader, 10)))
        os.close(reader)
    equal(winners, [1] * 20, "winners per round")


@case
def tmpfile_has_no_name_and_no_link():
    with opened(".", os.O_RDWR | os.O_TMPFILE) as f:
        os.write(f, b"abc")
        equal((os.fstat(f).st_nlink, os.pread(f, 9, 0)), (0, b"abc"), "links and content")
        equal(os.listdir("."), [], "names")


@case
def tmpfile_can_be_linked_into_a_directory():
    with opened(".", os.O_RDWR | os.O_TMPFILE, 0o640) as f:
        os.write(f, b"abc")
        link_descriptor(f, "f")
        equal(os.fstat(f).st_nlink, 1, "links")
    equal((read("f"), permissions("f")), (b"abc", 0o640), "content and mode")


@case
def tmpfile_is_written_after_it_was_linked():
    with opened(".", os.O_RDWR | os.O_TMPFILE) as f:
        link_descriptor(f, "f")
        os.write(f, b"late")
    equal(read("f"), b"late", "content")


@case
def tmpfile_with_excl_cannot_be_linked():
    with opened(".", os.O_RDWR | os.O_TMPFILE | os.O_EXCL) as f:
        fails(errno.ENOENT, link_descriptor, f, "f")


@case
def tmpfile_needs_a_writable_descriptor():
    fails(errno.EINVAL, os.open, ".", os.O_RDONLY | os.O_TMPFILE)


@case
def link_of_a_tmpfile_does_not_replace():
    make("f", b"old")
    with opened(".", os.O_RDWR | os.O_TMPFILE) as f:
        fails(errno.EEXIST, link_descriptor, f, "f")
    equal(read("f"), b"old", "content")


@case
def created_again_after_unlink_is_another_file():
    with opened("f", CREATE) as old:
        os.unlink("f")
        make("f", b"new")
        true(os.fstat(old).st_ino != os.stat("f").st_ino, "the inodes differ")


@case
def names_that_differ_in_case_are_different_files():
    make("file", b"1")
    make("FILE", b"2")
    equal((read("file"), read("FILE")), (b"1", b"2"), "contents")
    true(not same_file("file", "FILE"), "two files")

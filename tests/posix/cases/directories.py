"""mkdir, rmdir and what a directory says of itself."""

import errno
import os
import stat

from harness.expect import equal, fails, true
from harness.files import links, make, opened, permissions
from harness.registry import case


@case
def mkdir_makes_an_empty_directory_with_two_links():
    os.mkdir("d")
    true(stat.S_ISDIR(os.stat("d").st_mode), "it is a directory")
    equal((links("d"), os.listdir("d"), permissions("d")), (2, [], 0o755), "links, names, mode")


@case
def subdirectories_raise_the_link_count_of_their_parent():
    before = links(".")
    for name in "abc":
        os.mkdir(name)
    equal(links("."), before + 3, "links")
    os.rmdir("b")
    make("f")
    equal(links("."), before + 2, "links")


@case
def mkdir_of_an_existing_name_fails():
    os.mkdir("d")
    make("f")
    os.symlink("nowhere", "l")
    for name in ("d", "f", "l", "."):
        fails(errno.EEXIST, os.mkdir, name)


@case
def mkdir_with_a_trailing_slash():
    os.mkdir("d/")
    true(os.path.isdir("d"), "it is there")


@case
def mkdir_in_a_missing_directory_fails():
    fails(errno.ENOENT, os.mkdir, "d/e")


@case
def mkdir_below_a_file_fails():
    make("f")
    fails(errno.ENOTDIR, os.mkdir, "f/d")


@case
def rmdir_removes_an_empty_directory():
    os.mkdir("d")
    os.rmdir("d")
    fails(errno.ENOENT, os.stat, "d")


@case
def rmdir_of_a_full_directory_fails():
    os.mkdir("d")
    make("d/f")
    fails(errno.ENOTEMPTY, os.rmdir, "d")
    os.unlink("d/f")
    os.rmdir("d")


@case
def rmdir_of_a_file_fails():
    make("f")
    fails(errno.ENOTDIR, os.rmdir, "f")


@case
def rmdir_of_a_symlink_to_a_directory_fails():
    os.mkdir("d")
    os.symlink("d", "l")
    fails(errno.ENOTDIR, os.rmdir, "l")


@case
def rmdir_of_dot_and_of_dot_dot_fails():
    os.makedirs("d/e")
    fails(errno.EINVAL, os.rmdir, "d/.")
    fails(errno.ENOTEMPTY, os.rmdir, "d/e/..")


@case
def rmdir_of_a_missing_name_fails():
    fails(errno.ENOENT, os.rmdir, "d")


@case
def a_removed_working_directory_is_empty_and_takes_no_files():
    os.mkdir("d")
    os.chdir("d")
    os.rmdir("../d")
    fails(errno.ENOENT, os.open, "f", os.O_WRONLY | os.O_CREAT)
    fails(errno.ENOENT, os.mkdir, "e")
    equal(os.listdir("."), [], "names")


@case
def a_removed_open_directory_has_no_links():
    os.mkdir("d")
    with opened("d") as d:
        os.rmdir("d")
        equal(os.fstat(d).st_nlink, 0, "links")


@case
def dot_and_dot_dot_lead_where_they_should():
    os.makedirs("d/e")
    equal(os.stat("d/.").st_ino, os.stat("d").st_ino, "inode of dot")
    equal(os.stat("d/e/..").st_ino, os.stat("d").st_ino, "inode of dot dot")


@case
def a_file_used_as_a_directory_fails():
    make("f")
    fails(errno.ENOTDIR, os.stat, "f/x")
    fails(errno.ENOTDIR, os.stat, "f/.")
    fails(errno.ENOTDIR, os.listdir, "f")


@case
def reading_a_directory_as_a_file_fails():
    os.mkdir("d")
    with opened("d") as d:
        fails(errno.EISDIR, os.read, d, 1)


@case
def fchdir_and_getcwd():
    os.makedirs("d/e")
    start = os.getcwd()
    with opened("d/e") as e:
        os.fchdir(e)
    equal(os.getcwd(), start + "/d/e", "working directory")


@case
def getcwd_follows_a_rename():
    os.mkdir("d")
    start = os.getcwd()
    os.chdir("d")
    os.rename("../d", "../renamed")
    equal(os.getcwd(), start + "/renamed", "working directory")


@case
def a_tree_of_a_hundred_levels():
    path = "/".join(["d"] * 100)
    os.makedirs(path)
    make(path + "/f", b"deep")
    equal(os.stat(path + "/f").st_size, 4, "size")


@case
def directory_times_change_with_its_names():
    os.mkdir("d")

    def changes(action):
        os.utime("d", (1000, 1000))
        action()
        return os.stat("d").st_mtime != 1000
    for action in (lambda: make("d/f"), lambda: os.rename("d/f", "d/g"), lambda: os.link("d/g", "d/h"), lambda: os.unlink("d/g"),
                   lambda: os.mkdir("d/s"), lambda: os.rmdir("d/s"), lambda: os.symlink("x", "d/l")):
        true(changes(action), "the directory's mtime changed")


@case
def directory_time_stays_when_a_file_in_it_is_written():
    os.mkdir("d")
    make("d/f")
    os.utime("d", (1000, 1000))
    with opened("d/f", os.O_WRONLY) as f:
        os.write(f, b"abc")
    os.chmod("d/f", 0o600)
    equal(os.stat("d").st_mtime, 1000, "mtime")

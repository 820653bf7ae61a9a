"""symlink(2), readlink(2) and following."""

import errno
import os
import stat

from harness.expect import equal, fails, true
from harness.files import make, read
from harness.registry import case


@case
def symlink_holds_its_target():
    os.symlink("some/where", "l")
    status = os.lstat("l")
    equal((os.readlink("l"), status.st_size), ("some/where", 10), "target and size")
    true(stat.S_ISLNK(status.st_mode), "it is a symbolic link")
    equal(stat.S_IMODE(status.st_mode), 0o777, "mode")


@case
def symlink_is_followed_to_a_file():
    make("f", b"abc")
    os.symlink("f", "l")
    equal(read("l"), b"abc", "content")


@case
def symlink_is_followed_to_a_directory():
    os.mkdir("d")
    make("d/f", b"abc")
    os.symlink("d", "l")
    equal((read("l/f"), os.listdir("l")), (b"abc", ["f"]), "content and names")


@case
def symlink_target_is_relative_to_the_link():
    os.makedirs("d/e")
    make("d/f", b"abc")
    os.symlink("../f", "d/e/l")
    equal(read("d/e/l"), b"abc", "content")


@case
def symlink_with_an_absolute_target():
    make("f", b"abc")
    os.symlink(os.getcwd() + "/f", "l")
    equal(read("l"), b"abc", "content")


@case
def symlink_may_dangle():
    os.symlink("nowhere", "l")
    fails(errno.ENOENT, os.stat, "l")
    equal(os.readlink("l"), "nowhere", "target")


@case
def symlink_to_itself_fails_to_resolve():
    os.symlink("l", "l")
    fails(errno.ELOOP, os.stat, "l")


@case
def symlinks_in_a_circle_fail_to_resolve():
    os.symlink("b", "a")
    os.symlink("a", "b")
    fails(errno.ELOOP, os.open, "a", os.O_RDONLY)


@case
def a_chain_of_forty_symlinks_resolves_and_of_forty_one_fails():
    make("l0", b"abc")
    for i in range(41):
        os.symlink(f"l{i}", f"l{i + 1}")
    equal(read("l40"), b"abc", "content")
    fails(errno.ELOOP, os.stat, "l41")


@case
def symlink_target_of_4095_bytes():
    target = "/".join(["x" * 100] * 41)[:4095]
    os.symlink(target, "l")
    equal((os.readlink("l"), os.lstat("l").st_size), (target, 4095), "target and size")


@case
def symlink_target_of_4096_bytes_fails():
    fails(errno.ENAMETOOLONG, os.symlink, "x" * 4096, "l")


@case
def symlink_with_an_empty_target_fails():
    fails(errno.ENOENT, os.symlink, "", "l")


@case
def symlink_on_a_taken_name_fails():
    make("f")
    os.mkdir("d")
    for name in ("f", "d"):
        fails(errno.EEXIST, os.symlink, "x", name)


@case
def symlink_target_may_be_any_bytes():
    target = bytes(range(1, 256))
    os.symlink(target, b"l")
    equal(os.readlink(b"l"), target, "target")


@case
def symlink_with_a_trailing_slash_means_the_directory():
    os.mkdir("d")
    os.symlink("d", "l")
    true(stat.S_ISDIR(os.lstat("l/").st_mode), "lstat of l/ is the directory")
    make("f")
    os.symlink("f", "m")
    fails(errno.ENOTDIR, os.lstat, "m/")


@case
def unlink_of_a_symlink_leaves_the_target():
    make("f", b"abc")
    os.symlink("f", "l")
    os.unlink("l")
    equal((read("f"), os.path.lexists("l")), (b"abc", False), "target and link")


@case
def readlink_of_a_file_fails():
    make("f")
    fails(errno.EINVAL, os.readlink, "f")
    fails(errno.EINVAL, os.readlink, ".")


@case
def symlink_replaced_by_another_is_seen_at_once():
    make("a", b"1")
    make("b", b"2")
    os.symlink("a", "l")
    equal(read("l"), b"1", "content")
    os.symlink("b", "new")
    os.rename("new", "l")
    equal((read("l"), os.readlink("l")), (b"2", "b"), "content and target")


@case
def times_of_a_symlink_can_be_set():
    make("f")
    os.utime("f", (5, 5))
    os.symlink("f", "l")
    os.utime("l", ns=(1_000_000_001, 2_000_000_002), follow_symlinks=False)
    equal((os.lstat("l").st_mtime_ns, os.stat("f").st_mtime), (2_000_000_002, 5), "times of link and target")

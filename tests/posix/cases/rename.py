"""rename(2) and renameat2(2)."""

import errno
import os

from harness.expect import equal, fails, true
from harness.files import links, make, opened, read, read_all
from harness.processes import Child, Gate
from harness.registry import case
from harness.syscalls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2


@case
def rename_moves_the_name_and_keeps_the_file():
    make("a", b"abc")
    inode = os.stat("a").st_ino
    os.rename("a", "b")
    equal((read("b"), os.stat("b").st_ino), (b"abc", inode), "content and inode")
    fails(errno.ENOENT, os.stat, "a")


@case
def rename_replaces_a_file():
    make("a", b"new")
    make("b", b"old")
    os.rename("a", "b")
    equal((read("b"), os.listdir(".")), (b"new", ["b"]), "content and names")


@case
def rename_over_an_open_file_leaves_it_to_its_reader():
    make("a", b"new")
    make("b", b"old")
    with opened("b") as old:
        os.rename("a", "b")
        equal((read_all(old), os.fstat(old).st_nlink), (b"old", 0), "content and links of the old one")
    equal(read("b"), b"new", "content")


@case
def rename_of_an_open_file_keeps_the_descriptor():
    make("a", b"abc")
    with opened("a", os.O_RDWR) as f:
        os.rename("a", "b")
        os.pwrite(f, b"d", 3)
    equal(read("b"), b"abcd", "content")


@case
def rename_onto_a_hard_link_of_itself_does_nothing():
    make("a", b"abc")
    os.link("a", "b")
    os.rename("a", "b")
    equal((sorted(os.listdir(".")), links("a")), (["a", "b"], 2), "names and links")


@case
def rename_to_its_own_name_does_nothing():
    make("a", b"abc")
    os.rename("a", "a")
    equal(read("a"), b"abc", "content")


@case
def rename_of_a_missing_name_fails():
    fails(errno.ENOENT, os.rename, "a", "b")


@case
def rename_into_a_missing_directory_fails():
    make("a")
    fails(errno.ENOENT, os.rename, "a", "d/a")


@case
def rename_to_another_directory():
    os.mkdir("d")
    make("a", b"abc")
    os.rename("a", "d/b")
    equal((read("d/b"), os.listdir(".")), (b"abc", ["d"]), "content and names")


@case
def rename_moves_a_directory_with_what_is_in_it():
    os.makedirs("a/s")
    make("a/s/f", b"abc")
    os.mkdir("d")
    os.rename("a", "d/b")
    equal(read("d/b/s/f"), b"abc", "content")
    equal(os.stat("d/b/..").st_ino, os.stat("d").st_ino, "inode of dot dot")


@case
def rename_of_a_directory_moves_a_link_between_the_parents():
    os.makedirs("a/s")
    os.mkdir("b")
    os.rename("a/s", "b/s")
    equal((links("a"), links("b")), (2, 3), "links")


@case
def rename_over_an_empty_directory():
    os.mkdir("a")
    make("a/f")
    os.mkdir("b")
    os.rename("a", "b")
    equal((os.listdir("."), os.listdir("b")), (["b"], ["f"]), "names")


@case
def rename_over_a_full_directory_fails():
    os.mkdir("a")
    os.mkdir("b")
    make("b/f")
    fails(errno.ENOTEMPTY, os.rename, "a", "b")
    equal(sorted(os.listdir(".")), ["a", "b"], "names")


@case
def rename_of_a_directory_over_a_file_fails():
    os.mkdir("a")
    make("b")
    fails(errno.ENOTDIR, os.rename, "a", "b")


@case
def rename_of_a_file_over_a_directory_fails():
    make("a")
    os.mkdir("b")
    fails(errno.EISDIR, os.rename, "a", "b")


@case
def rename_of_a_directory_into_itself_fails():
    os.makedirs("a/b/c")
    fails(errno.EINVAL, os.rename, "a", "a/b/c/d")
    fails(errno.EINVAL, os.rename, "a", "a/x")


@case
def rename_of_a_directory_over_its_ancestor_fails():
    os.makedirs("a/b")
    fails(errno.ENOTEMPTY, os.rename, "a/b", "a")


@case
def rename_of_dot_fails():
    os.mkdir("d")
    fails(errno.EBUSY, os.rename, "d/.", "e")
    fails(errno.EBUSY, os.rename, "d", "d/.")


@case
def rename_of_a_file_to_a_name_with_a_slash_fails():
    make("a")
    fails(errno.ENOTDIR, os.rename, "a", "b/")


@case
def rename_of_a_directory_to_a_name_with_a_slash():
    os.mkdir("a")
    os.rename("a/", "b/")
    equal(os.listdir("."), ["b"], "names")


@case
def rename_moves_a_symlink_and_not_its_target():
    make("target", b"abc")
    os.symlink("target", "a")
    os.rename("a", "b")
    equal((os.readlink("b"), read("target")), ("target", b"abc"), "link and target")


@case
def rename_replaces_a_symlink_and_not_its_target():
    make("target", b"old")
    make("a", b"new")
    os.symlink("target", "b")
    os.rename("a", "b")
    equal((read("b"), read("target"), os.path.islink("b")), (b"new", b"old", False), "contents")


@case
def rename_lowers_the_link_count_of_what_it_replaces():
    make("a")
    make("b")
    os.link("b", "c")
    os.rename("a", "b")
    equal(links("c"), 1, "links")


@case
def rename_updates_both_directories_times():
    os.mkdir("a")
    os.mkdir("b")
    make("a/f")
    for d in "ab":
        os.utime(d, (1000, 1000))
    os.rename("a/f", "b/f")
    true(os.stat("a").st_mtime != 1000 and os.stat("b").st_mtime != 1000, "both mtimes changed")


@case
def rename_is_never_seen_half_done():
    make("f", b"x")
    gate = Gate()

    def look():
        gate.open()
        for _ in range(2000):
            os.stat("f")
    child = Child(look)
    gate.wait()
    for i in range(300):
        make("new", str(i).encode())
        os.rename("new", "f")
    child.wait()


@case
def rename_by_descriptors_of_directories():
    os.mkdir("a")
    os.mkdir("b")
    make("a/f", b"abc")
    with opened("a") as a, opened("b") as b:
        os.rename("f", "g", src_dir_fd=a, dst_dir_fd=b)
    equal(read("b/g"), b"abc", "content")


@case
def files_of_a_moved_directory_stay_open():
    os.makedirs("a/s")
    with opened("a/s/f", os.O_RDWR | os.O_CREAT) as f:
        os.rename("a", "b")
        os.write(f, b"abc")
        equal(read("b/s/f"), b"abc", "content")


@case
def noreplace_moves_to_a_free_name():
    make("a", b"abc")
    renameat2("a", "b", RENAME_NOREPLACE)
    equal(read("b"), b"abc", "content")


@case
def noreplace_fails_on_a_taken_name():
    make("a", b"1")
    make("b", b"2")
    os.mkdir("d")
    os.symlink("nowhere", "l")
    for name in ("b", "d", "l"):
        fails(errno.EEXIST, renameat2, "a", name, RENAME_NOREPLACE)
    equal((read("a"), read("b")), (b"1", b"2"), "contents")


@case
def exchange_swaps_two_files():
    make("a", b"1")
    make("b", b"2")
    renameat2("a", "b", RENAME_EXCHANGE)
    equal((read("a"), read("b")), (b"2", b"1"), "contents")


@case
def exchange_swaps_a_file_and_a_full_directory():
    os.mkdir("d")
    make("d/f", b"abc")
    make("a", b"1")
    renameat2("a", "d", RENAME_EXCHANGE)
    equal((read("d"), read("a/f")), (b"1", b"abc"), "contents")


@case
def exchange_across_directories_moves_links_and_parents():
    os.makedirs("a/s")
    os.mkdir("b")
    make("b/f")
    renameat2("a/s", "b/f", RENAME_EXCHANGE)
    equal((links("a"), links("b")), (2, 3), "links")
    equal(os.stat("b/f/..").st_ino, os.stat("b").st_ino, "inode of dot dot")


@case
def exchange_with_a_missing_name_fails():
    make("a")
    fails(errno.ENOENT, renameat2, "a", "b", RENAME_EXCHANGE)


@case
def exchange_of_a_directory_with_its_child_fails():
    os.makedirs("a/b")
    fails(errno.EINVAL, renameat2, "a", "a/b", RENAME_EXCHANGE)
    fails(errno.EINVAL, renameat2, "a/b", "a", RENAME_EXCHANGE)


@case
def exchange_together_with_noreplace_fails():
    make("a")
    make("b")
    fails(errno.EINVAL, renameat2, "a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE)

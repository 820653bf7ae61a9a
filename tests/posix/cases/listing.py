"""readdir(3): every name once, with its inode and type, while the directory changes."""

import errno
import os
import socket
import stat

from harness.expect import equal, fails, true
from harness.files import make, opened
from harness.registry import case
from harness.syscalls import Directory

TYPES = {4: stat.S_IFDIR, 8: stat.S_IFREG, 10: stat.S_IFLNK, 1: stat.S_IFIFO, 12: stat.S_IFSOCK}


def fill(count, directory="."):
    names = [f"file-{i:05}" for i in range(count)]
    for name in names:
        os.close(os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT))
    return names


@case
def five_thousand_names_are_listed_once_each():
    names = fill(5000)
    found = os.listdir(".")
    equal(len(found), 5000, "entries")
    equal(sorted(found) == names, True, "same names")


@case
def an_empty_directory_has_its_two_dots():
    os.mkdir("d")
    handle, entries = Directory("d"), []
    while entry := handle.next():
        entries.append(entry)
    handle.close()
    equal(sorted(name for name, _, _ in entries), [b".", b".."], "names")
    inodes = {name: inode for name, inode, _ in entries}
    equal((inodes[b"."], inodes[b".."]), (os.stat("d").st_ino, os.stat(".").st_ino), "inodes")


@case
def types_and_inodes_agree_with_status():
    make("f")
    os.mkdir("d")
    os.symlink("f", "l")
    os.mkfifo("p")
    socket.socket(socket.AF_UNIX).bind("s")
    handle = Directory(".")
    seen = 0
    while entry := handle.next():
        name, inode, kind = entry
        if name in (b".", b".."):
            continue
        status = os.lstat(name)
        equal((inode, TYPES[kind]), (status.st_ino, stat.S_IFMT(status.st_mode)), f"inode and type of {name}")
        seen += 1
    equal(seen, 5, "entries")


@case
def names_of_the_greatest_length_are_listed():
    names = sorted(f"{i:03}" + "n" * 252 for i in range(300))
    for name in names:
        make(name)
    equal(sorted(os.listdir(".")) == names, True, "same names")


@case
def removing_while_listing_misses_nothing():
    names = set(fill(2000))
    handle, removed = Directory("."), set()
    while entry := handle.next():
        name = os.fsdecode(entry[0])
        if name not in (".", ".."):
            os.unlink(name)
            removed.add(name)
    handle.close()
    equal((removed == names, os.listdir(".")), (True, []), "removed all, none left")


@case
def adding_while_listing_ends_and_shows_the_old_names_once():
    names, handle, found = fill(500), Directory("."), []
    while entry := handle.next():
        found.append(entry[0].decode())
        if len(found) % 50 == 0:
            make(f"added-{len(found)}")
    handle.close()
    equal(sorted(n for n in found if n.startswith("file-")) == names, True, "old names once each")
    equal(len(found), len(set(found)), "no name twice")


@case
def renaming_while_listing_shows_the_untouched_names_once():
    fill(500)
    handle, found = Directory("."), []
    while entry := handle.next():
        found.append(entry[0].decode())
        if len(found) == 100:
            os.rename("file-00007", "moved")
    handle.close()
    untouched = [n for n in found if n.startswith("file-") and n != "file-00007"]
    equal((len(untouched), len(set(untouched))), (499, 499), "untouched names")


@case
def telldir_and_seekdir_return_to_a_place():
    fill(300)
    handle = Directory(".")
    for _ in range(100):
        handle.next()
    place = handle.tell()
    rest = handle.names()
    handle.seek(place)
    equal(handle.names() == rest, True, "same rest")
    handle.close()


@case
def every_position_can_be_returned_to():
    fill(40)
    handle, places = Directory("."), []
    while True:
        position = handle.tell()
        entry = handle.next()
        if not entry:
            break
        places.append((position, entry[0]))
    for position, name in reversed(places):
        handle.seek(position)
        equal(handle.next()[0], name, "name at the position")
    handle.close()


@case
def rewinddir_shows_new_and_hides_removed_names():
    fill(3)
    handle = Directory(".")
    handle.names()
    make("new")
    os.unlink("file-00000")
    handle.rewind()
    equal(sorted(handle.names()), [b"file-00001", b"file-00002", b"new"], "names")
    handle.close()


@case
def two_listings_of_one_directory_do_not_disturb_each_other():
    names = fill(300)
    one, two = Directory("."), Directory(".")
    first = [one.next() for _ in range(150)]
    equal(sorted(n.decode() for n in two.names()) == names, True, "the second listing")
    rest = [n.decode() for n in one.names()]
    equal(len(first) + len(rest), 302, "entries of the first listing with its dots")
    one.close()
    two.close()


@case
def a_new_name_is_listed_at_once():
    equal(os.listdir("."), [], "names")
    make("a")
    equal(os.listdir("."), ["a"], "names")
    os.rename("a", "b")
    equal(os.listdir("."), ["b"], "names")
    os.unlink("b")
    equal(os.listdir("."), [], "names")


@case
def listing_by_descriptor_outlives_a_rename():
    os.mkdir("d")
    make("d/f")
    with opened("d") as d:
        os.rename("d", "e")
        equal(os.listdir(d), ["f"], "names")


@case
def listing_of_a_missing_directory_fails():
    fails(errno.ENOENT, os.listdir, "d")


@case
def a_listing_then_status_of_all_is_consistent():
    fill(500)
    for entry in os.scandir("."):
        equal((entry.inode(), entry.is_file(follow_symlinks=False)), (entry.stat(follow_symlinks=False).st_ino, True), entry.name)


@case
def a_directory_that_shrank_lists_only_what_is_left():
    fill(1500)
    for i in range(0, 1500, 2):
        os.unlink(f"file-{i:05}")
    equal(sorted(os.listdir(".")) == [f"file-{i:05}" for i in range(1, 1500, 2)], True, "odd names")
    true(not os.path.exists("file-00000"), "an even name is gone")

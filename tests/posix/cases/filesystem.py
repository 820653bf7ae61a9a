"""statfs(2) and what the filesystem says of itself."""

import os

from harness.expect import equal, true
from harness.files import make, opened
from harness.registry import case


@case
def statfs_figures_make_sense():
    figures = os.statvfs(".")
    true(figures.f_bsize > 0 and figures.f_frsize > 0, "block sizes")
    true(0 < figures.f_bavail <= figures.f_bfree <= figures.f_blocks, "available, free, all blocks")
    true(figures.f_ffree <= figures.f_files, "free and all files")
    equal(figures.f_namemax, 255, "longest name")


@case
def statfs_is_the_same_by_path_and_by_descriptor():
    make("f")
    with opened("f") as f:
        one, two = os.statvfs("."), os.fstatvfs(f)
    equal((one.f_bsize, one.f_blocks, one.f_namemax), (two.f_bsize, two.f_blocks, two.f_namemax), "figures")


@case
def one_device_number_throughout():
    os.mkdir("d")
    make("d/f")
    os.symlink("f", "d/l")
    equal({os.lstat(p).st_dev for p in (".", "d", "d/f", "d/l")}, {os.stat(".").st_dev}, "devices")


@case
def inode_numbers_are_distinct_and_stay():
    for i in range(200):
        make(f"f{i}")
    first = {name: os.stat(name).st_ino for name in os.listdir(".")}
    equal(len(set(first.values())), 200, "inodes")
    os.listdir(".")
    equal({name: os.stat(name).st_ino for name in first} == first, True, "same inodes again")


@case
def inode_number_is_the_same_by_every_way():
    make("f", b"abc")
    with opened("f") as f:
        by_descriptor = os.fstat(f).st_ino
    by_listing = {entry.name: entry.inode() for entry in os.scandir(".")}["f"]
    os.rename("f", "g")
    equal({by_descriptor, by_listing, os.stat("g").st_ino}, {by_descriptor}, "inodes")


@case
def blocks_cover_the_content():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        os.write(f, b"x" * 1_000_000)
        os.fsync(f)
    true(os.stat("f").st_blocks * 512 >= 1_000_000, "blocks cover the bytes")
    true(os.stat("f").st_blksize > 0, "a preferred block size")


@case
def pathconf_answers():
    equal((os.pathconf(".", "PC_NAME_MAX"), os.pathconf(".", "PC_PATH_MAX")), (255, 4096), "limits")

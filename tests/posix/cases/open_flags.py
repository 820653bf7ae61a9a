"""open(2) of what is there: access modes, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_DIRECT."""

import errno
import fcntl
import mmap
import os

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.processes import Child
from harness.registry import case


@case
def open_of_a_missing_file_fails():
    fails(errno.ENOENT, os.open, "f", os.O_RDONLY)


@case
def open_of_a_directory_for_writing_fails():
    os.mkdir("d")
    fails(errno.EISDIR, os.open, "d", os.O_WRONLY)
    fails(errno.EISDIR, os.open, "d", os.O_RDWR)


@case
def open_directory_flag_refuses_a_file():
    make("f")
    fails(errno.ENOTDIR, os.open, "f", os.O_RDONLY | os.O_DIRECTORY)


@case
def open_nofollow_refuses_a_symlink():
    make("f")
    os.symlink("f", "link")
    fails(errno.ELOOP, os.open, "link", os.O_RDONLY | os.O_NOFOLLOW)


@case
def open_nofollow_follows_earlier_components():
    os.mkdir("d")
    make("d/f", b"abc")
    os.symlink("d", "link")
    with opened("link/f", os.O_RDONLY | os.O_NOFOLLOW) as f:
        equal(os.read(f, 9), b"abc", "content")


@case
def open_directory_flag_with_nofollow_refuses_a_symlink_to_a_directory():
    os.mkdir("d")
    os.symlink("d", "link")
    fails(errno.ENOTDIR, os.open, "link", os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)


@case
def open_of_a_file_with_a_trailing_slash_fails():
    make("f")
    fails(errno.ENOTDIR, os.open, "f/", os.O_RDONLY)


@case
def open_path_gives_status_but_no_data():
    make("f", b"abc")
    with opened("f", os.O_PATH) as f:
        equal(os.fstat(f).st_size, 3, "size")
        fails(errno.EBADF, os.read, f, 1)


@case
def open_path_of_a_symlink_reads_the_link():
    os.symlink("target", "link")
    with opened("link", os.O_PATH | os.O_NOFOLLOW) as link:
        equal(os.readlink("", dir_fd=link), "target", "target")


@case
def open_trunc_empties_the_file_and_keeps_its_mode():
    make("f", b"abc", 0o640)
    with opened("f", os.O_WRONLY | os.O_TRUNC) as f:
        equal(os.fstat(f).st_size, 0, "size")
    equal((read("f"), os.stat("f").st_mode & 0o777), (b"", 0o640), "content and mode")


@case
def open_trunc_then_shorter_content():
    make("f", b"a long first content")
    make("f", b"short")
    equal(read("f"), b"short", "content")


@case
def open_trunc_is_seen_by_a_reader_with_the_file_open():
    make("f", b"abcdef")
    with opened("f") as reader, opened("f", os.O_WRONLY | os.O_TRUNC) as writer:
        equal(os.fstat(reader).st_size, 0, "size")
        os.write(writer, b"xy")
        equal(os.read(reader, 9), b"xy", "content")


@case
def append_writes_at_the_end_wherever_the_offset_is():
    make("f", b"abc")
    with opened("f", os.O_RDWR | os.O_APPEND) as f:
        os.lseek(f, 0, os.SEEK_SET)
        os.write(f, b"def")
    equal(read("f"), b"abcdef", "content")


@case
def append_follows_the_end_that_another_descriptor_moved():
    make("f", b"abc")
    with opened("f", os.O_WRONLY | os.O_APPEND) as appender, opened("f", os.O_WRONLY) as other:
        os.pwrite(other, b"xyz", 3)
        os.write(appender, b"!")
        os.ftruncate(other, 2)
        os.write(appender, b"?")
    equal(read("f"), b"ab?", "content")


@case
def append_by_pwrite_ignores_the_offset_as_linux_does():
    make("f", b"abc")
    with opened("f", os.O_WRONLY | os.O_APPEND) as f:
        os.pwrite(f, b"d", 0)
    equal(read("f"), b"abcd", "content")


@case
def append_by_several_processes_loses_and_mixes_nothing():
    def append(letter):
        with opened("f", os.O_WRONLY | os.O_APPEND | os.O_CREAT) as f:
            for _ in range(200):
                os.write(f, letter * 99 + b"\n")

    make("f")
    children = [Child(lambda letter=letter: append(letter)) for letter in (b"a", b"b", b"c")]
    for child in children:
        child.wait()
    lines = read("f").splitlines()
    equal(sorted(set(lines)), [b"a" * 99, b"b" * 99, b"c" * 99], "kinds of lines")
    equal(len(lines), 600, "lines")


@case
def append_flag_can_be_set_later():
    make("f", b"abc")
    with opened("f", os.O_WRONLY) as f:
        fcntl.fcntl(f, fcntl.F_SETFL, os.O_APPEND)
        os.write(f, b"d")
    equal(read("f"), b"abcd", "content")


@case
def open_flags_are_reported():
    make("f")
    with opened("f", os.O_RDWR | os.O_APPEND) as f:
        flags = fcntl.fcntl(f, fcntl.F_GETFL)
    equal(flags & (os.O_ACCMODE | os.O_APPEND), os.O_RDWR | os.O_APPEND, "flags")


@case
def read_on_a_write_only_descriptor_fails():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        fails(errno.EBADF, os.read, f, 1)


@case
def write_on_a_read_only_descriptor_fails():
    make("f")
    with opened("f") as f:
        fails(errno.EBADF, os.write, f, b"x")


@case
def direct_io_writes_and_reads_aligned_blocks():
    block = mmap.mmap(-1, 8192)
    block.write(bytes(range(256)) * 32)
    with opened("f", os.O_RDWR | os.O_CREAT | os.O_DIRECT) as f:
        equal(os.pwrite(f, block, 4096), 8192, "bytes written")
    back = mmap.mmap(-1, 12288)
    with opened("f", os.O_RDONLY | os.O_DIRECT) as f:
        equal(os.preadv(f, [back], 0), 12288, "bytes read")
    true(back[:4096] == bytes(4096) and back[4096:] == block[:], "content")


@case
def direct_and_buffered_descriptors_agree():
    make("f", b"a" * 8192)
    block = mmap.mmap(-1, 4096)
    block.write(b"b" * 4096)
    with opened("f") as buffered, opened("f", os.O_WRONLY | os.O_DIRECT) as direct:
        os.pread(buffered, 8192, 0)
        os.pwrite(direct, block, 4096)
        equal(os.pread(buffered, 8192, 0), b"a" * 4096 + b"b" * 4096, "content")


@case
def five_hundred_files_can_be_open_at_once():
    descriptors = []
    for i in range(500):
        descriptors.append(os.open(f"f{i}", os.O_RDWR | os.O_CREAT))
        os.write(descriptors[-1], str(i).encode())
    for i, descriptor in enumerate(descriptors):
        equal(os.pread(descriptor, 9, 0), str(i).encode(), f"content of {i}")
        os.close(descriptor)

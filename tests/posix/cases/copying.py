"""copy_file_range(2), sendfile(2), splice(2)."""

import errno
import os
import socket

from harness.expect import equal, fails
from harness.files import make, opened, read
from harness.registry import case

CONTENT = bytes(range(256)) * 1000


def copy_all(source, target, count):
    while count:
        moved = os.copy_file_range(source, target, count)
        if moved == 0:
            return
        count -= moved


@case
def copy_file_range_copies_a_whole_file():
    make("a", CONTENT)
    with opened("a") as a, opened("b", os.O_WRONLY | os.O_CREAT) as b:
        copy_all(a, b, len(CONTENT))
    equal(read("b") == CONTENT, True, "same content")


@case
def copy_file_range_with_offsets_leaves_the_file_offsets():
    make("a", b"0123456789")
    make("b", b"abcdefghij")
    with opened("a") as a, opened("b", os.O_RDWR) as b:
        equal(os.copy_file_range(a, b, 3, 5, 1), 3, "bytes")
        equal((os.lseek(a, 0, os.SEEK_CUR), os.lseek(b, 0, os.SEEK_CUR)), (0, 0), "offsets")
    equal(read("b"), b"a567efghij", "content")


@case
def copy_file_range_moves_the_file_offsets():
    make("a", b"0123456789")
    with opened("a") as a, opened("b", os.O_RDWR | os.O_CREAT) as b:
        os.copy_file_range(a, b, 4)
        os.copy_file_range(a, b, 4)
        equal((os.lseek(a, 0, os.SEEK_CUR), os.lseek(b, 0, os.SEEK_CUR)), (8, 8), "offsets")
    equal(read("b"), b"01234567", "content")


@case
def copy_file_range_stops_at_the_end():
    make("a", b"abc")
    with opened("a") as a, opened("b", os.O_RDWR | os.O_CREAT) as b:
        equal((os.copy_file_range(a, b, 100), os.copy_file_range(a, b, 100)), (3, 0), "bytes")


@case
def copy_file_range_within_one_file():
    make("a", b"abc" + bytes(10))
    with opened("a", os.O_RDWR) as a:
        os.copy_file_range(a, a, 3, 0, 6)
        fails(errno.EINVAL, os.copy_file_range, a, a, 3, 0, 2)
    equal(read("a"), b"abc\0\0\0abc\0\0\0\0", "content")


@case
def copy_file_range_to_an_append_descriptor_fails():
    make("a", b"abc")
    with opened("a") as a, opened("b", os.O_WRONLY | os.O_CREAT | os.O_APPEND) as b:
        fails(errno.EBADF, os.copy_file_range, a, b, 3)


@case
def copy_file_range_of_a_directory_fails():
    os.mkdir("d")
    with opened("d") as d, opened("b", os.O_WRONLY | os.O_CREAT) as b:
        fails(errno.EISDIR, os.copy_file_range, d, b, 3)


@case
def copy_file_range_takes_what_was_just_written():
    with opened("a", os.O_RDWR | os.O_CREAT) as a, opened("b", os.O_RDWR | os.O_CREAT) as b:
        os.pwrite(a, b"fresh", 0)
        os.copy_file_range(a, b, 5, 0, 0)
        equal(os.pread(b, 9, 0), b"fresh", "content")


@case
def sendfile_from_file_to_file():
    make("a", CONTENT)
    with opened("a") as a, opened("b", os.O_WRONLY | os.O_CREAT) as b:
        sent = 0
        while sent < len(CONTENT):
            sent += os.sendfile(b, a, None, len(CONTENT) - sent)
    equal(read("b") == CONTENT, True, "same content")


@case
def sendfile_from_file_to_socket():
    make("a", b"abcdef")
    one, two = socket.socketpair()
    with opened("a") as a:
        equal(os.sendfile(one.fileno(), a, 2, 3), 3, "bytes")
    equal(two.recv(10), b"cde", "content")


@case
def splice_through_a_pipe():
    make("a", CONTENT[:4096])
    reader, writer = os.pipe()
    with opened("a") as a, opened("b", os.O_WRONLY | os.O_CREAT) as b:
        equal(os.splice(a, writer, 4096), 4096, "bytes in")
        equal(os.splice(reader, b, 4096), 4096, "bytes out")
    equal(read("b") == CONTENT[:4096], True, "same content")

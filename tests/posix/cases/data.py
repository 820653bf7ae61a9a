"""read(2) and write(2): offsets, ends, sizes and the coherence of descriptors."""

import errno
import hashlib
import os
import random

from harness.expect import equal, fails
from harness.files import make, opened, read, read_all, write_all
from harness.registry import case


@case
def read_at_the_end_gives_nothing():
    make("f", b"abc")
    with opened("f") as f:
        equal((os.pread(f, 9, 3), os.pread(f, 9, 1000)), (b"", b""), "bytes at and behind the end")


@case
def read_stops_at_the_end():
    make("f", b"abc")
    with opened("f") as f:
        equal(os.pread(f, 100, 1), b"bc", "bytes")


@case
def offsets_advance_by_what_was_moved():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abcdef")
        equal(os.lseek(f, 0, os.SEEK_CUR), 6, "offset after the write")
        os.lseek(f, 1, os.SEEK_SET)
        os.read(f, 2)
        equal(os.lseek(f, 0, os.SEEK_CUR), 3, "offset after the read")


@case
def pread_and_pwrite_leave_the_offset():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"abc")
        os.pwrite(f, b"X", 0)
        os.pread(f, 2, 0)
        equal(os.lseek(f, 0, os.SEEK_CUR), 3, "offset")


@case
def seek_from_every_origin():
    make("f", b"0123456789")
    with opened("f") as f:
        equal((os.lseek(f, 4, os.SEEK_SET), os.lseek(f, 3, os.SEEK_CUR), os.lseek(f, -2, os.SEEK_END)), (4, 7, 8), "offsets")
        fails(errno.EINVAL, os.lseek, f, -1, os.SEEK_SET)
        equal(os.lseek(f, 100, os.SEEK_END), 110, "offset behind the end")


@case
def write_in_the_middle_leaves_the_rest():
    make("f", b"0123456789")
    with opened("f", os.O_RDWR) as f:
        os.pwrite(f, b"abc", 4)
    equal(read("f"), b"0123abc789", "content")


@case
def vectors_are_written_and_read_in_order():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        equal(os.writev(f, [b"ab", b"", b"cde"]), 5, "bytes written")
        parts = [bytearray(1), bytearray(3), bytearray(9)]
        equal(os.preadv(f, parts, 0), 5, "bytes read")
        equal([bytes(p) for p in parts], [b"a", b"bcd", b"e" + bytes(8)], "parts")


@case
def two_descriptors_see_each_other_at_once():
    with opened("f", os.O_RDWR | os.O_CREAT) as one, opened("f", os.O_RDWR) as two:
        for i in range(50):
            os.pwrite(one, str(i).encode(), i * 3)
            equal(os.pread(two, len(str(i)), i * 3), str(i).encode(), "content by the other")
            equal(os.fstat(two).st_size, i * 3 + len(str(i)), "size by the other")


@case
def a_reader_at_the_end_sees_what_is_appended():
    make("f", b"abc")
    with opened("f") as reader, opened("f", os.O_WRONLY | os.O_APPEND) as writer:
        read_all(reader)
        os.write(writer, b"def")
        equal(os.read(reader, 9), b"def", "content")


@case
def sixty_four_mib_come_back_as_written():
    block = random.Random(1).randbytes(1 << 20)
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        for i in range(64):
            write_all(f, i.to_bytes(4, "little") + block[4:])
    expected, actual = hashlib.sha256(), hashlib.sha256()
    with opened("f") as f:
        for i in range(64):
            expected.update(i.to_bytes(4, "little") + block[4:])
        while part := os.read(f, 777_777):
            actual.update(part)
    equal(actual.digest(), expected.digest(), "digest")


@case
def random_writes_match_a_model():
    chance, model = random.Random(7), bytearray(300_000)
    make("f", bytes(model))
    with opened("f", os.O_RDWR) as f:
        for _ in range(400):
            offset, length = chance.randrange(290_000), chance.randrange(1, 10_000)
            data = chance.randbytes(length)
            os.pwrite(f, data, offset)
            if offset + length > len(model):
                model.extend(bytes(offset + length - len(model)))
            model[offset:offset + length] = data
            start = chance.randrange(290_000)
            equal(os.pread(f, 5000, start) == bytes(model[start:start + 5000]), True, "content while writing")
    equal(read("f") == bytes(model), True, "content at the end")


@case
def one_byte_writes():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        for i in range(2000):
            os.write(f, bytes([i % 251]))
    equal(read("f") == bytes(i % 251 for i in range(2000)), True, "content")


@case
def sizes_around_a_page_and_a_block():
    for size in (0, 1, 511, 512, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 1048576, 1048577):
        make("f", b"z" * size)
        equal((os.stat("f").st_size, read("f") == b"z" * size), (size, True), f"size and content of {size}")


@case
def rewriting_with_less_and_more_leaves_no_old_bytes():
    for size in (100_000, 10, 50_000, 0, 4096, 1):
        make("f", bytes([size % 256]) * size)
        equal(read("f") == bytes([size % 256]) * size, True, f"content of {size} bytes")


@case
def status_has_the_size_while_the_file_is_written():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        for i in range(1, 20):
            os.write(f, b"x" * 1000)
            equal((os.stat("f").st_size, os.fstat(f).st_size), (i * 1000, i * 1000), "sizes")


@case
def seek_end_follows_a_write_by_another_descriptor():
    make("f", b"abc")
    with opened("f") as reader, opened("f", os.O_WRONLY) as writer:
        equal(os.lseek(reader, 0, os.SEEK_END), 3, "end")
        os.pwrite(writer, b"x", 99)
        equal(os.lseek(reader, 0, os.SEEK_END), 100, "end after the write")

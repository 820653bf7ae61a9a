"""mmap(2) and msync(2)."""

import errno
import mmap
import os
import signal

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.processes import Child, Gate, death_signal
from harness.registry import case

PAGE = mmap.PAGESIZE


def mapped(descriptor, length_bytes, shared=True, protection=mmap.PROT_READ | mmap.PROT_WRITE):
    return mmap.mmap(descriptor, length_bytes, mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE, protection)


@case
def a_shared_mapping_shows_the_content():
    make("f", b"abc" * 3000)
    with opened("f") as f:
        equal(mapped(f, 9000, protection=mmap.PROT_READ)[:] == b"abc" * 3000, True, "same content")


@case
def a_store_in_a_shared_mapping_is_read():
    make("f", bytes(2 * PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, 2 * PAGE)
        memory[PAGE:PAGE + 3] = b"abc"
        equal(os.pread(f, 3, PAGE), b"abc", "content by read")


@case
def a_write_is_seen_in_a_shared_mapping():
    make("f", bytes(PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
        os.pwrite(f, b"abc", 10)
        equal(memory[10:13], b"abc", "content by mapping")


@case
def stores_in_a_shared_mapping_outlive_msync_and_close():
    make("f", bytes(PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
        memory[:3] = b"abc"
        memory.flush()
        memory.close()
    equal(read("f")[:3], b"abc", "content")


@case
def stores_without_msync_are_in_the_file_too():
    make("f", bytes(PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
        memory[:3] = b"abc"
        memory.close()
    equal(read("f")[:3], b"abc", "content")


@case
def stores_after_close_of_the_descriptor_are_in_the_file():
    make("f", bytes(PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
    memory[:4] = b"late"
    memory.flush()
    memory.close()
    equal(read("f")[:4], b"late", "content")


@case
def a_private_mapping_keeps_its_stores():
    make("f", b"abc" + bytes(PAGE - 3))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE, shared=False)
        memory[:3] = b"XYZ"
        equal((memory[:3], os.pread(f, 3, 0)), (b"XYZ", b"abc"), "memory and file")
    equal(read("f")[:3], b"abc", "content")


@case
def a_private_writable_mapping_needs_only_a_readable_file():
    make("f", b"abc" + bytes(PAGE - 3))
    with opened("f") as f:
        memory = mapped(f, PAGE, shared=False)
        memory[:1] = b"X"
        equal(memory[:3], b"Xbc", "memory")


@case
def a_shared_writable_mapping_of_a_read_only_descriptor_fails():
    make("f", bytes(PAGE))
    with opened("f") as f:
        fails(errno.EACCES, mapped, f, PAGE)


@case
def two_processes_share_a_mapping():
    make("f", bytes(PAGE))
    ready, done = Gate(), Gate()

    def other():
        with opened("f", os.O_RDWR) as f:
            memory = mapped(f, PAGE)
            ready.wait()
            equal(memory[:3], b"abc", "what the first wrote")
            memory[3:6] = b"def"
            done.open()
    child = Child(other)
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
        memory[:3] = b"abc"
        ready.open()
        done.wait()
        equal(memory[:6], b"abcdef", "what both wrote")
    child.wait()


@case
def a_mapping_outlives_unlink():
    make("f", b"abc" + bytes(PAGE - 3))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
    os.unlink("f")
    memory[3:6] = b"def"
    equal(memory[:6], b"abcdef", "memory")


@case
def the_rest_of_the_last_page_is_zero():
    make("f", b"abc")
    with opened("f") as f:
        memory = mapped(f, 3, protection=mmap.PROT_READ)
        equal(len(memory), 3, "length")
    make("g", b"x" * (PAGE + 10))
    os.truncate("g", PAGE + 5)
    os.truncate("g", 2 * PAGE)
    with opened("g") as g:
        equal(mapped(g, 2 * PAGE, protection=mmap.PROT_READ)[PAGE + 5:], bytes(PAGE - 5), "rest of the page")


@case
def access_behind_the_last_page_is_sigbus():
    make("f", bytes(2 * PAGE))

    def act():
        with opened("f", os.O_RDWR) as f:
            memory = mapped(f, 2 * PAGE)
            os.ftruncate(f, PAGE)
            memory[PAGE]
    equal(death_signal(act), signal.SIGBUS, "signal")


@case
def a_mapping_of_a_grown_file_shows_the_growth():
    make("f", bytes(2 * PAGE))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, 2 * PAGE)
        os.ftruncate(f, PAGE)
        os.ftruncate(f, 2 * PAGE)
        os.pwrite(f, b"abc", PAGE)
        equal(memory[PAGE:PAGE + 3], b"abc", "memory")


@case
def a_mapping_of_a_directory_fails():
    os.mkdir("d")
    with opened("d") as d:
        fails(errno.ENODEV, mmap.mmap, d, PAGE, mmap.MAP_SHARED, mmap.PROT_READ)


@case
def a_mapping_at_a_page_offset():
    make("f", b"a" * PAGE + b"b" * PAGE)
    with opened("f") as f:
        memory = mmap.mmap(f, PAGE, mmap.MAP_SHARED, mmap.PROT_READ, offset=PAGE)
        equal(memory[:] == b"b" * PAGE, True, "second page")


@case
def a_mapped_file_of_many_pages_written_out_of_order():
    pages = 512
    make("f")
    os.truncate("f", pages * PAGE)
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, pages * PAGE)
        for i in range(pages):
            page = i * 167 % pages
            memory[page * PAGE:page * PAGE + 4] = page.to_bytes(4, "little")
        memory.flush()
        memory.close()
    content = read("f")
    equal([int.from_bytes(content[p * PAGE:p * PAGE + 4], "little") for p in range(pages)] == list(range(pages)), True, "every page")


@case
def a_store_changes_the_modification_time():
    make("f", bytes(PAGE))
    os.utime("f", (1000, 1000))
    with opened("f", os.O_RDWR) as f:
        memory = mapped(f, PAGE)
        memory[:3] = b"abc"
        memory.flush()
        memory.close()
    true(os.stat("f").st_mtime != 1000, "mtime changed")


@case
def mappings_of_one_file_opened_twice_are_one_memory():
    make("f", bytes(PAGE))
    with opened("f", os.O_RDWR) as one, opened("f") as two:
        writer, reader = mapped(one, PAGE), mapped(two, PAGE, protection=mmap.PROT_READ)
        writer[7:10] = b"abc"
        equal(reader[7:10], b"abc", "memory of the second")

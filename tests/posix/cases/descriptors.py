"""Descriptors: dup, fork, passing, closing and reopening."""

import os
import socket

from harness.expect import equal, true
from harness.files import make, opened, read
from harness.processes import Child, Gate, death_signal
from harness.registry import case


@case
def dup_shares_the_offset():
    make("f", b"abcdef")
    with opened("f") as f:
        copy = os.dup(f)
        os.read(f, 2)
        equal(os.read(copy, 2), b"cd", "bytes")
        os.close(copy)
        equal(os.read(f, 2), b"ef", "bytes after the close of the copy")


@case
def a_forked_child_shares_the_offset():
    make("f", b"abcdef")
    with opened("f") as f:
        Child(lambda: os.read(f, 4)).wait()
        equal(os.read(f, 9), b"ef", "bytes")


@case
def a_child_that_closes_its_copy_disturbs_nothing():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.write(f, b"one ")
        Child(lambda: os.close(f)).wait()
        os.write(f, b"two")
        equal(os.pread(f, 99, 0), b"one two", "content")
    equal(read("f"), b"one two", "content after close")


@case
def parent_and_child_write_one_file():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        child = Child(lambda: [os.write(f, b"c" * 10) for _ in range(100)])
        for _ in range(100):
            os.write(f, b"p" * 10)
        child.wait()
    content = read("f")
    equal((len(content), content.count(b"c"), content.count(b"p")), (2000, 1000, 1000), "lengths")


@case
def a_child_writes_after_its_parent_closed():
    gate = Gate()
    f = os.open("f", os.O_WRONLY | os.O_CREAT)

    def late():
        gate.wait()
        os.write(f, b"late")
        os.close(f)
    child = Child(late)
    os.write(f, b"early ")
    os.close(f)
    gate.open()
    child.wait()
    equal(read("f"), b"early late", "content")


@case
def a_process_that_ends_without_closing_keeps_its_data():
    def act():
        os.write(os.open("f", os.O_WRONLY | os.O_CREAT), b"abc")
    Child(act).wait()
    equal(read("f"), b"abc", "content")


@case
def a_killed_process_keeps_what_it_wrote():
    def act():
        os.write(os.open("f", os.O_WRONLY | os.O_CREAT), b"abc")
        os.kill(os.getpid(), 9)
    equal(death_signal(act), 9, "signal")
    equal(read("f"), b"abc", "content")


@case
def a_descriptor_is_passed_over_a_socket():
    make("f", b"abc")
    one, two = socket.socketpair()
    with opened("f", os.O_RDWR) as f:
        socket.send_fds(one, [b"x"], [f])
    _, received, _, _ = socket.recv_fds(two, 1, 1)
    os.pwrite(received[0], b"d", 3)
    os.close(received[0])
    equal(read("f"), b"abcd", "content")


@case
def a_descriptor_is_reopened_with_other_rights():
    make("f", b"abc")
    with opened("f") as f, opened(f"/proc/self/fd/{f}", os.O_WRONLY) as again:
        os.pwrite(again, b"X", 0)
        equal(os.pread(f, 9, 0), b"Xbc", "content")


@case
def close_on_exec_keeps_the_file_from_a_new_program():
    make("f", b"abc")
    with opened("f", os.O_RDONLY | os.O_CLOEXEC) as f:
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/sh", ["sh", "-c", f"test ! -e /proc/self/fd/{f}"])
        equal(os.waitpid(pid, 0)[1], 0, "status of the program")


@case
def a_relative_open_follows_its_directory():
    os.makedirs("d/s")
    make("d/s/f", b"abc")
    with opened("d/s") as s:
        os.rename("d", "e")
        with opened("f", dir_fd=s) as f:
            equal(os.read(f, 9), b"abc", "content")


@case
def one_file_is_opened_and_closed_a_thousand_times():
    make("f", b"abc")
    for i in range(1000):
        with opened("f", os.O_RDWR if i % 3 == 0 else os.O_RDONLY) as f:
            equal(os.read(f, 9), b"abc", "content")


@case
def readers_and_a_writer_close_in_any_order():
    make("f", b"abc")
    one, writer, two = os.open("f", os.O_RDONLY), os.open("f", os.O_RDWR), os.open("f", os.O_RDONLY)
    os.pwrite(writer, b"X", 0)
    os.close(one)
    os.close(writer)
    equal(os.pread(two, 9, 0), b"Xbc", "content of the last reader")
    os.close(two)
    equal(read("f"), b"Xbc", "content")


@case
def output_of_a_program_goes_to_the_file():
    with opened("f", os.O_WRONLY | os.O_CREAT) as f:
        pid = os.fork()
        if pid == 0:
            os.dup2(f, 1)
            os.execv("/bin/sh", ["sh", "-c", "echo one; (echo two); echo three"])
        os.waitpid(pid, 0)
    equal(read("f"), b"one\ntwo\nthree\n", "content")
    true(os.stat("f").st_size == 14, "size")

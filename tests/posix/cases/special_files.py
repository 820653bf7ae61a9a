"""FIFOs, sockets and device nodes as names."""

import errno
import os
import socket
import stat

from harness.expect import equal, fails, true
from harness.files import opened
from harness.processes import NOBODY, Child, as_user
from harness.registry import case


def kind(path):
    return stat.S_IFMT(os.lstat(path).st_mode)


@case
def fifo_carries_bytes_between_processes():
    os.mkfifo("p")

    def send():
        with opened("p", os.O_WRONLY) as p:
            os.write(p, b"through the pipe")
    child = Child(send)
    with opened("p") as p:
        equal(os.read(p, 99), b"through the pipe", "bytes")
    child.wait()
    equal(kind("p"), stat.S_IFIFO, "kind")


@case
def fifo_without_a_reader_refuses_a_writer_that_will_not_wait():
    os.mkfifo("p")
    fails(errno.ENXIO, os.open, "p", os.O_WRONLY | os.O_NONBLOCK)


@case
def fifo_can_be_made_by_a_user():
    os.chmod(".", 0o777)
    as_user(NOBODY, lambda: os.mkfifo("p", 0o600))
    equal((os.stat("p").st_uid, os.stat("p").st_mode & 0o777), (NOBODY, 0o600), "owner and mode")


@case
def fifo_on_a_taken_name_fails():
    os.mkfifo("p")
    fails(errno.EEXIST, os.mkfifo, "p")


@case
def fifo_is_renamed_and_removed():
    os.mkfifo("p")
    os.rename("p", "q")
    equal(kind("q"), stat.S_IFIFO, "kind")
    os.unlink("q")
    equal(os.listdir("."), [], "names")


@case
def bind_makes_a_socket_and_connect_reaches_it():
    server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    server.bind("s")
    server.listen()
    equal(kind("s"), stat.S_IFSOCK, "kind")
    client.connect("s")
    connection, _ = server.accept()
    client.send(b"hello")
    equal(connection.recv(9), b"hello", "bytes")


@case
def bind_on_a_taken_name_fails():
    socket.socket(socket.AF_UNIX).bind("s")
    fails(errno.EADDRINUSE, socket.socket(socket.AF_UNIX).bind, "s")


@case
def a_socket_without_its_server_refuses():
    server = socket.socket(socket.AF_UNIX)
    server.bind("s")
    server.listen()
    server.close()
    fails(errno.ECONNREFUSED, socket.socket(socket.AF_UNIX).connect, "s")


@case
def a_socket_is_reached_after_its_name_changed():
    server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    server.bind("s")
    server.listen()
    os.rename("s", "t")
    client.connect("t")
    fails(errno.ENOENT, socket.socket(socket.AF_UNIX).connect, "s")


@case
def a_socket_cannot_be_opened():
    socket.socket(socket.AF_UNIX).bind("s")
    fails(errno.ENXIO, os.open, "s", os.O_RDONLY)


@case
def device_nodes_keep_their_numbers():
    for name, mode, device in (("c", stat.S_IFCHR, os.makedev(1, 3)), ("b", stat.S_IFBLK, os.makedev(240, 300)),
                               ("large", stat.S_IFCHR, os.makedev(4000, 1_000_000))):
        os.mknod(name, mode | 0o640, device)
        status = os.stat(name)
        equal((stat.S_IFMT(status.st_mode), status.st_mode & 0o777, status.st_rdev), (mode, 0o640, device), name)


@case
def device_node_by_a_user_fails():
    os.chmod(".", 0o777)
    as_user(NOBODY, lambda: fails(errno.EPERM, os.mknod, "c", stat.S_IFCHR | 0o600, os.makedev(1, 3)))


@case
def mknod_makes_regular_files_and_sockets():
    os.mknod("f", stat.S_IFREG | 0o644)
    os.mknod("s", stat.S_IFSOCK | 0o644)
    equal((kind("f"), kind("s"), os.stat("f").st_size), (stat.S_IFREG, stat.S_IFSOCK, 0), "kinds and size")


@case
def special_files_take_modes_owners_and_times():
    os.mkfifo("p")
    os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    for name in ("p", "c"):
        os.chmod(name, 0o611)
        os.chown(name, 5, 6)
        os.utime(name, (11, 22))
        status = os.stat(name)
        equal((status.st_mode & 0o777, status.st_uid, status.st_gid, status.st_mtime), (0o611, 5, 6, 22), name)


@case
def special_files_can_be_linked():
    os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.link("c", "d")
    true(os.stat("d").st_rdev == os.makedev(1, 3) and os.stat("d").st_nlink == 2, "same device, two links")

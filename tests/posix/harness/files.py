"""Small steps that many cases share: make, read and look at files of the current directory."""

import os
import stat
from contextlib import contextmanager


@contextmanager
def opened(path, flags=os.O_RDONLY, mode=0o644, **keywords):
    """A raw descriptor that is closed at the end."""
    descriptor = os.open(path, flags, mode, **keywords)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make(path, content=b"", mode=0o644):
    """Creates or replaces a file with this content and these permissions."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
        write_all(descriptor, content)
        os.fchmod(descriptor, mode)
    return path


def write_all(descriptor, content):
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view):]


def read(path):
    with opened(path) as descriptor:
        return read_all(descriptor)


def read_all(descriptor):
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def permissions(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def same_file(one, other):
    a, b = os.lstat(one), os.lstat(other)
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)


def links(path):
    return os.lstat(path).st_nlink

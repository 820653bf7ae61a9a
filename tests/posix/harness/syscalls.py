"""System calls that Python's os module does not offer, through the C library."""

import ctypes
import os
import struct

AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16
_UTIME_OMIT = (1 << 30) - 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
_libc.opendir.restype = ctypes.c_void_p
_libc.readdir.restype = ctypes.c_void_p
_libc.telldir.restype = ctypes.c_long
for _name in ("readdir", "telldir", "rewinddir", "closedir"):
    getattr(_libc, _name).argtypes = [ctypes.c_void_p]
_libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


def _checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def renameat2(old, new, flags):
    _checked(_libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def link_following(old, new):
    """linkat with AT_SYMLINK_FOLLOW: links what a symbolic link points at."""
    _checked(_libc.linkat(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW))


def link_descriptor(descriptor, new):
    link_following(f"/proc/self/fd/{descriptor}", new)


def fallocate(descriptor, mode, offset, length_bytes):
    _checked(_libc.fallocate(descriptor, mode, offset, length_bytes))


def utimensat(path, atime_ns, mtime_ns):
    """Sets the two times; None is UTIME_OMIT."""
    fields = []
    for value in (atime_ns, mtime_ns):
        fields += [0, _UTIME_OMIT] if value is None else divmod(value, 10**9)
    _checked(_libc.utimensat(AT_FDCWD, os.fsencode(path), (ctypes.c_int64 * 4)(*fields), 0))


def syncfs(descriptor):
    _checked(_libc.syncfs(descriptor))


def sync_file_range(descriptor, offset, length_bytes, flags):
    _checked(_libc.sync_file_range(descriptor, offset, length_bytes, flags))


class Directory:
    """opendir, readdir, telldir, seekdir and rewinddir."""

    def __init__(self, path):
        self._handle = _libc.opendir(os.fsencode(path))
        if not self._handle:
            _checked(-1)

    def next(self):
        """The next (name, inode, type), or None at the end."""
        ctypes.set_errno(0)
        entry = _libc.readdir(self._handle)
        if not entry:
            if ctypes.get_errno():
                _checked(-1)
            return None
        inode, _, _, kind = struct.unpack("=QqHB", ctypes.string_at(entry, 19))
        return ctypes.string_at(entry + 19), inode, kind

    def names(self):
        """The names that are left, without the two dots."""
        found = []
        while entry := self.next():
            if entry[0] not in (b".", b".."):
                found.append(entry[0])
        return found

    def tell(self):
        return _libc.telldir(self._handle)

    def seek(self, position):
        _libc.seekdir(self._handle, position)

    def rewind(self):
        _libc.rewinddir(self._handle)

    def close(self):
        _libc.closedir(self._handle)


class Inotify:
    """Watches one path and returns events as (mask, name)."""

    MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
    MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400

    def __init__(self, path, mask):
        self._descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK))
        _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask))

    def events(self):
        """The events so far. They are queued before the call that causes them returns."""
        found = []
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return found
        while data:
            _, mask, _, length_bytes = struct.unpack_from("iIII", data)
            found.append((mask, data[16:16 + length_bytes].rstrip(b"\0")))
            data = data[16 + length_bytes:]
        return found

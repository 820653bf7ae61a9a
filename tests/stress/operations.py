#!/usr/bin/env python3
"""Random file operations by one process, in a tree of its own and in one that all processes share.

In its own tree every operation must succeed and every content read must be what a model in memory says.
In the shared tree others come between, so operations may fail by the names (ENOENT, EEXIST ...) and no other way,
and files that are only ever replaced as a whole must always be whole.
"""
import argparse
import errno
import hashlib
import os
import random
import sys
import time

# How an operation on names that others change may fail.
LOST_RACES = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ESTALE}
MOST_BYTES = 100_000
MOST_OBJECTS = 60
NAMES = 12


class Wrong(Exception):
    pass


class File:
    """A file of the model: what its hard links share."""

    def __init__(self):
        self.data, self.mode, self.links = b'', 0o644, 1


class OwnTree:
    """Operations that must succeed, with their effect known."""

    def __init__(self, root, chance):
        self.root, self.chance, self.count = root, chance, 0
        self.files, self.folders, self.symlinks = {}, [''], {}
        os.mkdir(root)

    def step(self):
        choice = self.chance.choice([self.create, self.write, self.write, self.append, self.truncate, self.rename, self.link, self.symlink,
                                     self.unlink, self.mkdir, self.rmdir, self.chmod, self.read, self.read, self.replace, self.rename_folder])
        choice()

    def verify(self):
        found = {os.path.relpath(os.path.join(folder, name), self.root) for folder, folders, files in os.walk(self.root) for name in folders + files}
        expected = {name.lstrip('/') for name in [*self.files, *self.symlinks, *self.folders[1:]]}
        if found != expected:
            raise Wrong('names differ: %r' % sorted(found ^ expected)[:5])
        for name in self.files:
            self.check(name)
        for name, target in self.symlinks.items():
            if os.readlink(self.root + name) != target:
                raise Wrong('%s leads elsewhere' % name)

    def check(self, name):
        file = self.files[name]
        with open(self.root + name, 'rb') as opened:
            data = opened.read()
        if data != file.data:
            at = next((i for i, (x, y) in enumerate(zip(data, file.data)) if x != y), min(len(data), len(file.data)))
            raise Wrong('%s: %d bytes, expected %d, first difference at %d' % (name, len(data), len(file.data), at))
        s = os.stat(self.root + name)
        if (s.st_size, s.st_nlink, s.st_mode & 0o777) != (len(file.data), file.links, file.mode):
            raise Wrong('%s: size, links, mode %d %d %o, expected %d %d %o' % (name, s.st_size, s.st_nlink, s.st_mode & 0o777, len(file.data), file.links, file.mode))

    def fresh(self):
        self.count += 1
        return '%s/%d' % (self.chance.choice(self.folders), self.count)

    def some_file(self):
        return self.chance.choice(list(self.files)) if self.files else self.create()

    def some_bytes(self):
        return self.chance.randbytes(self.chance.choice([0, 1, 100, 4096, self.chance.randrange(MOST_BYTES)]))

    def create(self):
        if len(self.files) >= MOST_OBJECTS:
            self.unlink()
        name, file = self.fresh(), File()
        file.data = self.some_bytes()
        with os.fdopen(os.open(self.root + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), 'wb') as opened:
            opened.write(file.data)
        self.files[name] = file
        return name

    def write(self):
        name = self.some_file()
        file, data = self.files[name], self.some_bytes()
        at = self.chance.randrange(len(file.data) + 1000)
        with open(self.root + name, 'r+b') as opened:
            opened.seek(at)
            opened.write(data)
        if data:
            file.data = file.data[:at].ljust(at, b'\0') + data + file.data[at + len(data):]

    def append(self):
        name, data = self.some_file(), self.some_bytes()[:5000]
        with open(self.root + name, 'ab') as opened:
            opened.write(data)
        self.files[name].data += data

    def truncate(self):
        name, length = self.some_file(), self.chance.randrange(MOST_BYTES)
        os.truncate(self.root + name, length)
        self.files[name].data = self.files[name].data[:length].ljust(length, b'\0')

    def rename(self):
        name, target = self.some_file(), self.fresh()
        os.rename(self.root + name, self.root + target)
        self.files[target] = self.files.pop(name)

    def replace(self):
        name, target = self.some_file(), self.some_file()
        os.rename(self.root + name, self.root + target)
        # Two names of one file: rename does nothing, says POSIX.
        if self.files[name] is not self.files[target]:
            self.files[target].links -= 1
            self.files[target] = self.files.pop(name)

    def link(self):
        name, target = self.some_file(), self.fresh()
        os.link(self.root + name, self.root + target)
        self.files[target] = self.files[name]
        self.files[name].links += 1

    def symlink(self):
        name, target = self.fresh(), 'to-%d' % self.chance.randrange(1000)
        os.symlink(target, self.root + name)
        self.symlinks[name] = target

    def unlink(self):
        names = self.symlinks if self.symlinks and self.chance.random() < 0.4 else self.files
        if names:
            name = self.chance.choice(list(names))
            os.unlink(self.root + name)
            if names is self.files:
                self.files[name].links -= 1
            del names[name]

    def mkdir(self):
        if len(self.folders) < NAMES:
            name = self.fresh()
            os.mkdir(self.root + name)
            self.folders.append(name)

    def rmdir(self):
        name = self.chance.choice(self.folders)
        if name and not self.is_used(name):
            os.rmdir(self.root + name)
            self.folders.remove(name)

    def is_used(self, folder):
        return any(other.startswith(folder + '/') for other in [*self.files, *self.symlinks, *self.folders])

    def rename_folder(self):
        name, target = self.chance.choice(self.folders), '/%d' % (self.count + 1)
        if name:
            self.count += 1
            os.rename(self.root + name, self.root + target)
            moved = lambda path: target + path[len(name):] if path == name or path.startswith(name + '/') else path
            self.files = {moved(path): file for path, file in self.files.items()}
            self.symlinks = {moved(path): to for path, to in self.symlinks.items()}
            self.folders = [moved(path) for path in self.folders]

    def chmod(self):
        name, mode = self.some_file(), self.chance.choice([0o644, 0o600, 0o755, 0o640])
        os.chmod(self.root + name, mode)
        self.files[name].mode = mode

    def read(self):
        self.check(self.some_file())


class SharedTree:
    """Few names, many processes."""

    def __init__(self, root, worker, chance):
        self.root, self.worker, self.chance, self.races = root, worker, chance, 0
        os.makedirs(root, exist_ok=True)

    def step(self):
        choice = self.chance.choice([self.put_whole, self.put_whole, self.get_whole, self.get_whole, self.write, self.append, self.truncate, self.rename,
                                     self.link, self.symlink, self.unlink, self.mkdir, self.rmdir, self.chmod, self.list])
        try:
            choice()
        except OSError as error:
            if error.errno not in LOST_RACES:
                raise
            self.races += 1

    def name(self, kind):
        return '%s/%s%d' % (self.root, kind, self.chance.randrange(NAMES))

    def put_whole(self):
        data = self.chance.randbytes(self.chance.randrange(MOST_BYTES))
        making = '%s/making-%s' % (self.root, self.worker)
        with open(making, 'wb') as opened:
            opened.write(hashlib.sha256(data).digest() + data)
        os.rename(making, self.name('whole'))

    def get_whole(self):
        name = self.name('whole')
        with open(name, 'rb') as opened:
            data = opened.read()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            raise Wrong('%s is not whole: %d bytes' % (name, len(data)))

    def write(self):
        with os.fdopen(os.open(self.name('part'), os.O_CREAT | os.O_RDWR, 0o644), 'r+b') as opened:
            opened.seek(self.chance.randrange(MOST_BYTES))
            opened.write(self.chance.randbytes(1000))

    def append(self):
        with open(self.name('part'), 'ab') as opened:
            opened.write(self.chance.randbytes(100))

    def truncate(self):
        os.truncate(self.name('part'), self.chance.randrange(MOST_BYTES))

    def rename(self):
        os.rename(self.name('part'), self.name('part'))

    def link(self):
        os.link(self.name('part'), self.name('part'))

    def symlink(self):
        os.symlink('part0', self.name('symlink'))

    def unlink(self):
        os.unlink(self.name(self.chance.choice(['part', 'whole', 'symlink'])))

    def mkdir(self):
        os.mkdir(self.name('folder'))

    def rmdir(self):
        os.rmdir(self.name('folder'))

    def chmod(self):
        os.chmod(self.name(self.chance.choice(['part', 'whole'])), self.chance.choice([0o600, 0o644]))

    def list(self):
        for name in os.listdir(self.root):
            if name.startswith('symlink'):
                os.readlink(os.path.join(self.root, name))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--root', required=True, help='a folder on the mount')
    parser.add_argument('--worker', required=True, help="this process's name; its own tree is called so")
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--seconds', type=float, default=20)
    parser.add_argument('--operations', type=int, default=1_000_000, help='the most; ends with whichever comes first')
    arguments = parser.parse_args()
    chance = random.Random('%d %s' % (arguments.seed, arguments.worker))
    own = OwnTree('%s/%s' % (arguments.root, arguments.worker), chance)
    shared = SharedTree('%s/shared' % arguments.root, arguments.worker, chance)
    end, count = time.monotonic() + arguments.seconds, 0
    try:
        while count < arguments.operations and time.monotonic() < end:
            (own if chance.random() < 0.6 else shared).step()
            count += 1
        own.verify()
    except (Wrong, OSError) as wrong:
        print('%s, seed %d, operation %d: %s' % (arguments.worker, arguments.seed, count, wrong))
        raise SystemExit(1) from wrong
    print('%s: %d operations, %d lost races' % (arguments.worker, count, shared.races))


main()

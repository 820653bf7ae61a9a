#!/usr/bin/env python3
"""Writes files and keeps a journal of what was acknowledged, so that it can be verified after a crash of either daemon.

  write    operates in a folder until there is a file JOURNAL.end, or until the mount is gone
  verify   compares a folder with a journal

The journal has one line when an operation begins and one when it is acknowledged. Only the operation that was under way
when the mount went, and those that failed, may be found either way.
"""
import argparse
import errno
import json
import os
import random
import sys
import time

NAMES = 25
MOST_HELD = 3
GONE = {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ENODEV}
IN_THE_MIDDLE = GONE | {errno.ENOSPC} # What may end a write after a part of it.
PAUSE_S = 0.05 # After a failure.
ABSENT = None


def content(version):
    """The bytes of a version, which is [worker, number, length]."""
    return random.Random('%s %d' % (version[0], version[1])).randbytes(version[2])


class Journal:
    def __init__(self, path):
        self.file, self.end = open(path, 'a', buffering=1), path + '.end'

    def say(self, **line):
        self.file.write(json.dumps(line) + '\n')


class Writer:
    def __init__(self, folder, journal, chance, worker, holds, most_bytes):
        self.folder, self.journal, self.chance, self.worker, self.holds, self.most_bytes = folder, journal, chance, worker, holds, most_bytes
        self.number, self.there, self.held = 0, [], []

    def run(self):
        os.mkdir(self.folder)
        while not os.path.exists(self.journal.end):
            try:
                self.step()
            except OSError as error:
                self.journal.say(failed=error.errno)
                if error.errno in GONE:
                    return
                time.sleep(PAUSE_S)

    def step(self):
        actions = [self.store, self.store, self.replace, self.rename, self.unlink] + [self.hold] * self.holds
        self.chance.choice(actions)()

    def path(self, name):
        return os.path.join(self.folder, name)

    def fresh_version(self):
        self.number += 1
        return [self.worker, self.number, self.chance.choice([10, 5000, self.chance.randrange(1, self.most_bytes)])]

    def begin(self, kind, **changes):
        """changes: name to the version that it has after the operation."""
        self.journal.say(begin=kind, changes=changes)

    def done(self):
        self.journal.say(done=True)

    def some_name(self):
        return self.chance.choice(self.there) if self.there else None

    def store(self):
        name, version = 'f%d' % self.chance.randrange(NAMES), self.fresh_version()
        self.begin('store', **{name: version})
        self.forget(name)
        with open(self.path(name), 'wb', buffering=0) as file:
            self.write_all(file.fileno(), content(version))
        self.done()
        self.there.append(name)

    def replace(self):
        making, name, version = 'making%d' % (self.number + 1), 'f%d' % self.chance.randrange(NAMES), self.fresh_version()
        self.begin('make', **{making: version})
        with open(self.path(making), 'wb', buffering=0) as file:
            self.write_all(file.fileno(), content(version))
        self.done()
        self.begin('replace', **{making: ABSENT, name: version})
        self.forget(name)
        os.rename(self.path(making), self.path(name))
        self.done()
        self.there.append(name)

    def rename(self):
        name, target = self.some_name(), 'moved%d' % (self.number + 1)
        if name:
            self.number += 1
            self.journal.say(begin='rename', moved=[name, target])
            self.forget(name)
            os.rename(self.path(name), self.path(target))
            self.done()

    def unlink(self):
        name = self.some_name()
        if name:
            self.begin('unlink', **{name: ABSENT})
            self.forget(name)
            os.unlink(self.path(name))
            self.done()

    def hold(self):
        """Written, and never closed: acknowledged by write() alone, which survives the death of the client's daemon."""
        if len(self.held) < MOST_HELD:
            version = self.fresh_version()
            self.begin('hold', **{'held%d' % self.number: version})
            descriptor = os.open(self.path('held%d' % self.number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            self.write_all(descriptor, content(version))
            self.held.append(descriptor)
            self.done()

    def forget(self, name):
        """A name of which nothing is certain until the operation is done."""
        self.there = [other for other in self.there if other != name]

    def write_all(self, descriptor, data):
        while data:
            data = data[os.write(descriptor, data):]


class Expectation:
    """What a journal allows each name to be."""

    def __init__(self, path):
        self.allowed, self.cut, self.failed, self.begun, self.acknowledged, self.held = {}, set(), [], 0, 0, 0
        pending = None
        with open(path) as lines:
            for line in map(json.loads, lines):
                if 'begin' in line:
                    pending = line
                    self.begun += 1
                    self.begin(self.changes(line))
                elif 'done' in line:
                    self.settle(self.changes(pending))
                    self.acknowledged += 1
                    self.held += pending['begin'] == 'hold'
                    pending = None
                else:
                    self.failed.append((line['failed'], pending))
                    # It may have run: both stay allowed.
                    if pending and line['failed'] in IN_THE_MIDDLE:
                        self.cut |= set(self.changes(pending))
                    pending = None
        if pending:
            self.cut |= set(self.changes(pending))

    def changes(self, line):
        if 'moved' not in line:
            return line['changes']
        source, target = line['moved']
        known = [version for version in self.allowed.get(source, []) if version is not ABSENT] or self.allowed.get(target, [ABSENT])
        return {source: ABSENT, target: known[-1]}

    def begin(self, changes):
        for name, version in changes.items():
            self.allowed.setdefault(name, [ABSENT]).append(version)

    def settle(self, changes):
        for name, version in changes.items():
            self.allowed[name] = [version]

    def allows(self, name, data):
        versions = self.allowed.get(name, [ABSENT])
        if data is ABSENT:
            return ABSENT in versions
        whole = any(version is not ABSENT and content(version) == data for version in versions)
        return whole or name in self.cut and any(version is not ABSENT and content(version).startswith(data) for version in versions)


def read(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        return ABSENT


def verify(folder, journal):
    expected = Expectation(journal)
    names = set(expected.allowed) | set(os.listdir(folder))
    lost = []
    for name in sorted(names):
        data = read(os.path.join(folder, name))
        if not expected.allows(name, data):
            found = 'absent' if data is ABSENT else '%d bytes' % len(data)
            lost.append('%s/%s: found %s, expected one of %s' % (folder, name, found, expected.allowed.get(name)))
    print(*lost, sep='\n', end='\n' if lost else '')
    for number, line in expected.failed:
        print('failed with %s: %s' % (errno.errorcode.get(number, number), line))
    counts = (expected.begun, expected.acknowledged, len(expected.failed), len(names), expected.held, len(lost))
    print('%d operations, %d acknowledged, %d failed, %d verified, %d held open, %d lost' % counts)
    return 1 if lost or not expected.acknowledged else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=['write', 'verify'])
    parser.add_argument('folder')
    parser.add_argument('journal')
    parser.add_argument('--worker', default='w')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--holds', type=int, default=0, help='how often files are written and left open: a weight')
    parser.add_argument('--most-bytes', type=int, default=200_000, help='of a file')
    arguments = parser.parse_args()
    if arguments.command == 'verify':
        return verify(arguments.folder, arguments.journal)
    chance = random.Random('%d %s' % (arguments.seed, arguments.worker))
    Writer(arguments.folder, Journal(arguments.journal), chance, arguments.worker, arguments.holds, arguments.most_bytes).run()
    return 0


sys.exit(main())

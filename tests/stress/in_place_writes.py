#!/usr/bin/env python3
"""Same-length writes in place on one client, each read at the other right after its close; also turned round. Counts what was lost and what was overwritten.

Nothing but the times of a container file shows such a write without reading it. Ends with one line: rounds, closes, lost (a closed write that the other client
did not read) and overwritten (a closed version that an older one replaced later). Exit code 0: both are 0.
"""
import argparse
import os
import random
import sys
import time

LENGTHS = (4, 4, 4, 100, 5000, 70000)


def write(path, offset, data):
    file = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(file, data, offset)
    finally:
        os.close(file)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


class Rounds:
    def __init__(self, a, b, files, seed):
        self.clients = (a, b)
        self.random = random.Random(seed)
        self.contents = {}
        self.closes = self.lost = self.overwritten = 0
        for number in range(files):
            name = f'r{number}'
            content = b'a' * LENGTHS[number % len(LENGTHS)]
            with open(os.path.join(a, name), 'wb') as file:
                file.write(content)
            self.contents[name] = content

    def change(self, name, writer, reader):
        content = bytearray(self.contents[name])
        count = self.random.randint(1, min(4, len(content)))
        offset = self.random.randint(0, len(content) - count)
        content[offset:offset + count] = self.random.randbytes(count)
        write(os.path.join(self.clients[writer], name), offset, content[offset:offset + count])
        self.contents[name] = bytes(content)
        self.closes += 1
        if read(os.path.join(self.clients[reader], name)) != content:
            self.lost += 1

    def settle(self, name):
        """Nobody touched it for a while: it is what was closed last, everywhere."""
        for client in self.clients:
            if read(os.path.join(client, name)) != self.contents[name]:
                self.overwritten += 1
                return

    def run(self, rounds):
        names = list(self.contents)
        for number in range(rounds):
            name = names[number % len(names)]
            self.settle(name)
            read(os.path.join(self.clients[0], name))
            for _ in range(3):
                self.change(name, 0, 1)
            if self.random.randrange(4) == 0:
                self.change(name, 1, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('a')
    parser.add_argument('b')
    parser.add_argument('--rounds', type=int, default=500)
    parser.add_argument('--files', type=int, default=50)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--idle', type=float, default=8, help='seconds until everything is read for the last time')
    options = parser.parse_args()
    rounds = Rounds(options.a, options.b, options.files, options.seed)
    rounds.run(options.rounds)
    time.sleep(options.idle)
    for name in rounds.contents:
        rounds.settle(name)
    print(f'rounds: {options.rounds}, closes: {rounds.closes}, lost: {rounds.lost}, overwritten: {rounds.overwritten}')
    return 1 if rounds.lost or rounds.overwritten else 0


if __name__ == '__main__':
    sys.exit(main())

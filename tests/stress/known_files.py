#!/usr/bin/env python3
"""Files whose bytes follow from a seed, to find out what damage to their copies does.

  make FOLDER       writes them, small and large in turns
  verify FOLDER     reads each; prints "N right, N refused, N wrong"; a refusal is EIO
  damage FILE...    harms each in one of the ways below, chosen by the seed, and prints which
"""
import argparse
import errno
import os
import random
import sys

WAYS = ['bit', 'zeros', 'truncated', 'longer', 'absent']


def content(seed, number):
    chance = random.Random('%d %d' % (seed, number))
    return chance.randbytes(chance.randrange(1, 4096) if number % 2 else chance.randrange(70_000, 400_000))


def make(arguments):
    os.mkdir(arguments.paths[0])
    for number in range(arguments.files):
        with open('%s/%d' % (arguments.paths[0], number), 'wb') as file:
            file.write(content(arguments.seed, number))
    return 0


def verify(arguments):
    right = refused = wrong = 0
    for number in range(arguments.files):
        path = '%s/%d' % (arguments.paths[0], number)
        try:
            with open(path, 'rb') as file:
                found = file.read()
        except OSError as error:
            refused += error.errno == errno.EIO
            wrong += error.errno != errno.EIO
            print('%s: %s' % (path, errno.errorcode[error.errno]))
            continue
        right += found == content(arguments.seed, number)
        if found != content(arguments.seed, number):
            wrong += 1
            print('%s: wrong content' % path)
    print('%d right, %d refused, %d wrong' % (right, refused, wrong))
    return 1 if wrong else 0


def damage(arguments):
    chance = random.Random(arguments.seed)
    for path in arguments.paths:
        way = chance.choice(arguments.ways.split(','))
        print('%s: %s' % (path, way))
        if way == 'absent':
            os.unlink(path)
            continue
        length = os.path.getsize(path)
        with open(path, 'r+b') as file:
            if way == 'truncated':
                file.truncate(chance.randrange(length))
            elif way == 'longer':
                file.seek(0, os.SEEK_END)
                file.write(b'more')
            else:
                at = chance.randrange(length)
                file.seek(at)
                found = file.read(1 if way == 'bit' else 4096)
                file.seek(at)
                # Never what was there: one bit of each byte is turned, or all of it is zero but the first, which is not.
                file.write(bytes([found[0] ^ 1 << chance.randrange(8)]) if way == 'bit' else bytes([found[0] ^ 255]) + bytes(len(found) - 1))
            file.flush()
            os.fsync(file.fileno())
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=['make', 'verify', 'damage'])
    parser.add_argument('paths', nargs='+')
    parser.add_argument('--files', type=int, default=40)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--ways', default=','.join(WAYS))
    arguments = parser.parse_args()
    return {'make': make, 'verify': verify, 'damage': damage}[arguments.command](arguments)


sys.exit(main())

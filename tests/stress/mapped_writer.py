#!/usr/bin/env python3
"""Maps a file for writing, closes it, and then does what it is told, a line each: "write OFFSET TEXT", "sync" (msync), "end" (munmap). Answers each with "done"."""
import mmap
import os
import sys


def main():
    file = os.open(sys.argv[1], os.O_RDWR)
    mapping = mmap.mmap(file, 0)
    os.close(file)
    # The module keeps a descriptor of its own.
    for number in os.listdir('/proc/self/fd'):
        try:
            if os.readlink(f'/proc/self/fd/{number}') == os.path.realpath(sys.argv[1]):
                os.close(int(number))
        except OSError:
            pass
    print('done', flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == 'write':
            offset, text = int(rest[0]), rest[1].encode()
            mapping[offset:offset + len(text)] = text
        elif word == 'sync':
            mapping.flush()
        print('done', flush=True)
        if word == 'end':
            return


if __name__ == '__main__':
    main()

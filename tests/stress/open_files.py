#!/usr/bin/env python3
"""Opens many distinct files at one time in one folder of a mount, and reads others meanwhile.

usage: open_files.py make FOLDER COUNT      files of some bytes, by 16 processes
       open_files.py open FOLDER COUNT      prints: OPEN files open, READS reads of others, WRONG wrong, SECONDS s
"""
import os, resource, subprocess, sys, time

WORKERS, PER_FOLDER = 16, 1000


def path(folder, number):
    return '%s/%d/%d' % (folder, number // PER_FOLDER, number)


def make(folder, count, worker):
    for first in range(worker * PER_FOLDER, count, WORKERS * PER_FOLDER):
        os.makedirs(os.path.dirname(path(folder, first)), exist_ok=True)
        for number in range(first, min(first + PER_FOLDER, count)):
            with open(path(folder, number), 'w') as file:
                file.write(str(number))


def main():
    what, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == 'make' and len(sys.argv) == 5:
        make(folder, count, int(sys.argv[4]))
        return 0
    if what == 'make':
        workers = [subprocess.Popen([sys.executable, __file__, 'make', folder, str(count), str(worker)]) for worker in range(WORKERS)]
        return max(worker.wait() for worker in workers)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began, held, reads, wrong = time.monotonic(), [], 0, 0
    for number in range(count):
        held.append(os.open(path(folder, number), os.O_RDONLY))
        if number % 100 == 0:
            # Another process, and a file that is not open.
            other = count - 1 - number
            said = subprocess.run(['cat', path(folder, other)], capture_output=True, text=True)
            reads, wrong = reads + 1, wrong + (said.returncode != 0 or said.stdout != str(other))
    wrong += sum(os.pread(held[number], 16, 0) != str(number).encode() for number in range(0, count, 7))
    print('%d files open, %d reads of others, %d wrong, %.0f s' % (len(held), reads, wrong, time.monotonic() - began))
    return wrong != 0


sys.exit(main())

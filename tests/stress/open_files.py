#!/usr/bin/env python3
"""Opens many distinct files at one time in one folder of a mount, and reads others meanwhile.

usage: open_files.py make FOLDER COUNT      files of some bytes, by 16 processes
       open_files.py open FOLDER COUNT      prints: OPEN files open, READS reads of others, WRONG wrong, SECONDS s
                                            by as many processes as the limit on a process's descriptors takes
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


def hold(folder, first, count):
    """Opens its share; reads others, and some of its own in the end."""
    held, reads, wrong = [], 0, 0
    for number in range(first, first + count):
        held.append(os.open(path(folder, number), os.O_RDONLY))
        if number % 100 == 0:
            # Another process, and a file that this one hasn't open.
            other = first + count - 1 - (number - first)
            said = subprocess.run(['cat', path(folder, other)], capture_output=True, text=True)
            reads, wrong = reads + 1, wrong + (said.returncode != 0 or said.stdout != str(other))
    print('held', flush=True)
    sys.stdin.readline()  # Until all have theirs.
    wrong += sum(os.pread(held[i], 16, 0) != str(first + i).encode() for i in range(0, count, 7))
    print(len(held), reads, wrong, flush=True)


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
    if what == 'hold':
        hold(folder, count, int(sys.argv[4]))
        return 0
    began, share = time.monotonic(), hard - 100
    holders = [
        subprocess.Popen([sys.executable, __file__, 'hold', folder, str(first), str(min(share, count - first))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for first in range(0, count, share)]
    failed = [holder for holder in holders if holder.stdout.readline() != 'held\n']
    said = [holder.communicate('go\n')[0].split() for holder in holders if holder not in failed]
    opened, reads, wrong = (sum(int(words[i]) for words in said) for i in range(3))
    print('%d files open, %d reads of others, %d wrong, %.0f s' % (opened, reads, wrong, time.monotonic() - began))
    return wrong != 0 or len(failed) > 0 or any(holder.wait() for holder in holders)


sys.exit(main())

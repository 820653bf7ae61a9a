#!/usr/bin/env python3
"""How long stat takes, asked of the filesystem each time, until a file appears or for so many seconds.

usage: stat_latency.py FOLDER --until FILE | --seconds N
Prints: COUNT stats, p50 MS, p99 MS, max MS, SECONDS s
"""
import argparse, ctypes, os, random, time

FORCE_SYNC, BASIC_STATS, AT_FDCWD = 0x2000, 0x7FF, -100
libc = ctypes.CDLL(None, use_errno=True)


def stat(path, buffer):
    if libc.statx(AT_FDCWD, path, FORCE_SYNC, BASIC_STATS, buffer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


parser = argparse.ArgumentParser()
parser.add_argument('folder')
parser.add_argument('--until')
parser.add_argument('--seconds', type=float, default=3600)
options = parser.parse_args()
paths = [os.fsencode(os.path.join(at, name)) for at, _, names in os.walk(options.folder) for name in names]
random.Random(1).shuffle(paths)
buffer, took, began = ctypes.create_string_buffer(256), [], time.monotonic()
while time.monotonic() - began < options.seconds and not (options.until and os.path.exists(options.until)):
    at = time.monotonic()
    stat(paths[len(took) % len(paths)], buffer)
    took.append(time.monotonic() - at)
    time.sleep(0.002)
took.sort()
ms = [1000 * took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1)]
print('%d stats, p50 %.1f ms, p99 %.1f ms, max %.1f ms, %.1f s' % (len(took), *ms, time.monotonic() - began))

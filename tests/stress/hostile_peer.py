#!/usr/bin/env python3
"""A peer that means the server no good. Ends with 0 if the server did what it should with it.

  garbage      random bytes: the server ends each connection
  oversized    a frame longer than any may be: ended before the content comes
  cut          a frame that ends in the middle, and the connection with it
  half-open    many connections that say nothing; prints "holding" and holds them until standard input ends
  never-reads  a proper client that sends and never reads: the server stops reading from it or ends it
"""
import random
import socket
import struct
import sys

PATIENCE_S = 30
HELLO, PING = 1, 6
VERSION = 3
CONTROL = 1
NO_SCOPE = b'\0'  # A name of no bytes: the server's own volume.
HALF_OPEN = 200
MOST_SENT_BYTES = 256 << 20


def connect(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(PATIENCE_S)
    peer.connect(path)
    return peer


def frame(kind, content):
    return struct.pack('>IB', len(content) + 1, kind) + content


def hello():
    return frame(HELLO, b'AFSR' + struct.pack('>HB', VERSION, CONTROL) + random.randbytes(16) + struct.pack('>Q', 0) + bytes(32) + NO_SCOPE)


def is_ended(peer):
    """True once the server closed the connection; what it says before that is read."""
    try:
        while peer.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def is_refused(path, data):
    with connect(path) as peer:
        try:
            peer.sendall(data)
        except ConnectionError:
            return True
        return is_ended(peer)


def garbage(path):
    chance = random.Random(1)
    return all(is_refused(path, chance.randbytes(length)) for length in (5, 64, 4096, 1 << 20))


def oversized(path):
    frames = [struct.pack('>IB', length, kind) for length in (0xFFFFFFFF, 0x7FFFFFFF, 64 << 20, 0) for kind in (HELLO, PING)]
    return all(is_refused(path, start) and is_refused(path, hello() + start) for start in frames)


def cut(path):
    whole = hello()
    for length in range(len(whole)):
        with connect(path) as peer:
            peer.sendall(whole[:length])
    return True


def half_open(path):
    held = [connect(path) for _ in range(HALF_OPEN)]
    for number, peer in enumerate(held):
        peer.sendall(hello()[:number % 30])
    print('holding', flush=True)
    sys.stdin.read()
    return True


def never_reads(path):
    peer, ping, sent = connect(path), frame(PING, struct.pack('>Q', 0)) * 1000, 0
    peer.sendall(hello())
    peer.settimeout(3)
    try:
        while sent < MOST_SENT_BYTES:
            sent += peer.send(ping)
    except (TimeoutError, ConnectionError):
        return True
    print('the server took %d bytes and kept all its answers' % sent)
    return False


COMMANDS = {'garbage': garbage, 'oversized': oversized, 'cut': cut, 'half-open': half_open, 'never-reads': never_reads}
if len(sys.argv) != 3 or sys.argv[2] not in COMMANDS:
    print(__doc__)
    sys.exit(2)
sys.exit(0 if COMMANDS[sys.argv[2]](sys.argv[1]) else 1)

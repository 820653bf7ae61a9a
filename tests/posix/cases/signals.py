"""Signals that a process handles end no operation on files."""

import os
import signal

from harness.registry import case

INTERVAL_S = 0.002


@case
def a_handled_signal_ends_no_operation():
    # os.rename, os.mkdir and os.close are not repeated by Python when they fail with EINTR.
    hits = []
    signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
    number = 0
    while number < 50 or len(hits) < 10:
        number += 1
        descriptor = os.open(f"f{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(descriptor, b"x" * 1000)
        os.close(descriptor)
        os.rename(f"f{number}", f"g{number}")
        os.mkdir(f"d{number}")
        os.unlink(f"g{number}")
        os.rmdir(f"d{number}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert os.listdir(".") == []

"""Runs one case in a child process, so that neither a crash nor a hung mount stops the list.

The parent never touches the directory under test: whatever may block on it happens in a child with a deadline.
"""

import os
import select
import shutil
import signal
import time
import traceback

_REASON_LIMIT_BYTES = 400


def run_case(case, directory, timeout_s):
    """Returns None when the case holds, else the reason in one line."""
    path = os.path.join(directory, f"posix-{case.name}-{os.getpid()}")
    reason = _in_child(lambda: _enter_and_run(case.body, path), timeout_s)
    leftover = _in_child(lambda: _remove(path), timeout_s)
    return reason or (leftover and f"cannot be cleaned up: {leftover}")


def _enter_and_run(body, path):
    os.umask(0o022)
    os.mkdir(path, 0o755)
    os.chdir(path)
    body()


def _remove(path):
    if os.path.lexists(path):
        shutil.rmtree(path)


def _in_child(action, timeout_s):
    """Runs the action in a child that leads a process group; returns the reason it failed for, or None."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(action, writer)
    os.close(writer)
    try:
        return _await(pid, reader, timeout_s)
    finally:
        os.close(reader)


def _child(action, writer):
    os.setpgid(0, 0)
    reason = b""
    try:
        action()
    except BaseException as failure:
        reason = _describe(failure).encode("utf-8", "backslashreplace")[:_REASON_LIMIT_BYTES] or b"failed"
    os.write(writer, b"+" if not reason else b"-" + reason)
    os._exit(0)


def _describe(failure):
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if "/cases/" in f.filename]
    place = f" (line {frames[-1].lineno} of {os.path.basename(frames[-1].filename)})" if frames else ""
    return " ".join(f"{type(failure).__name__}: {failure}".split()) + place


def _await(pid, reader, timeout_s):
    ready, _, _ = select.select([reader], [], [], timeout_s)
    text = os.read(reader, _REASON_LIMIT_BYTES + 1) if ready else b""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if not _reap(pid):
        return f"hung for {timeout_s} s and cannot be killed"
    if not ready:
        return f"took longer than {timeout_s} s"
    if not text:
        return "the process died"
    return None if text == b"+" else text[1:].decode("utf-8", "replace")


def _reap(pid, patience_s=5):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
        time.sleep(0.002)
    return False

"""Other processes and other users, as steps of a case."""

import os
import signal

NOBODY, SOMEONE = 65534, 12345


class Child:
    """A process that runs an action; its failure becomes the case's when it is waited for."""

    def __init__(self, action):
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            reason = b""
            try:
                action()
            except BaseException as failure:
                reason = f"{type(failure).__name__}: {failure}".encode("utf-8", "backslashreplace")[:2000]
            os.write(writer, b"child: " + reason if reason else b"")
            os._exit(1 if reason else 0)
        os.close(writer)

    def wait(self):
        reason = os.read(self._reader, 4096)
        status = os.waitpid(self.pid, 0)[1]
        os.close(self._reader)
        if reason or status != 0:
            raise AssertionError(reason.decode("utf-8", "replace") or f"child ended with status {status}")

    def kill(self):
        """Ends it with SIGKILL and returns its wait status."""
        os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        os.close(self._reader)
        return status


def in_child(action):
    Child(action).wait()


def as_user(user, action, group=None, groups=()):
    """Runs the action as this user and group, with no capability."""
    def become_and_act():
        os.setgroups(list(groups))
        gid = user if group is None else group
        os.setresgid(gid, gid, gid)
        os.setresuid(user, user, user)
        action()
    in_child(become_and_act)


def death_signal(action):
    """Runs the action in a child; returns the signal that ended it, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


class Gate:
    """Lets one process wait for another: wait() in one returns after open() in the other."""

    def __init__(self):
        self._reader, self._writer = os.pipe()

    def open(self):
        os.write(self._writer, b"x")

    def wait(self):
        os.read(self._reader, 1)

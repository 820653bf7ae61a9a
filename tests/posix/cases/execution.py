"""Programs that are run from the filesystem."""

import errno
import os
import shutil
import signal

from harness.expect import equal, fails
from harness.files import make, opened, read
from harness.processes import NOBODY, as_user
from harness.registry import case


def status_of(path, *arguments):
    """Runs a program; returns its exit code, or the errno of exec as a negative number."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(path, [path, *arguments])
        except OSError as failure:
            os._exit(200 if failure.errno == errno.EACCES else 201 if failure.errno == errno.ETXTBSY else 202)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


REFUSED, BUSY = 200, 201


def start_sleeper():
    """Copies sleep here and starts it; returns its process once it runs the copy."""
    shutil.copy("/bin/sleep", "program")
    os.chmod("program", 0o755)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.execv("./program", ["program", "60"])
    os.close(writer)
    os.read(reader, 1)  # ends when exec closes the writer
    os.close(reader)
    return pid


def stop(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@case
def a_copied_program_runs():
    shutil.copy("/bin/true", "program")
    os.chmod("program", 0o755)
    equal(status_of("./program"), 0, "exit code")


@case
def a_script_runs_by_its_first_line():
    make("script", b"#!/bin/sh\nexit 7\n", 0o755)
    equal(status_of("./script"), 7, "exit code")


@case
def a_program_without_the_execute_bit_is_refused():
    make("script", b"#!/bin/sh\n", 0o644)
    equal(status_of("./script"), REFUSED, "exit code")


@case
def a_user_runs_what_he_may_and_no_more():
    make("script", b"#!/bin/sh\nexit 7\n", 0o755)
    as_user(NOBODY, lambda: equal(status_of("./script"), 7, "exit code"))
    os.chmod("script", 0o754)
    as_user(NOBODY, lambda: equal(status_of("./script"), REFUSED, "exit code"))


@case
def a_program_that_is_open_for_writing_is_busy():
    shutil.copy("/bin/true", "program")
    os.chmod("program", 0o755)
    with opened("program", os.O_WRONLY):
        equal(status_of("./program"), BUSY, "exit code")
    equal(status_of("./program"), 0, "exit code after the close")


@case
def a_running_program_cannot_be_opened_for_writing():
    pid = start_sleeper()
    try:
        fails(errno.ETXTBSY, os.open, "program", os.O_WRONLY)
        fails(errno.ETXTBSY, os.truncate, "program", 0)
    finally:
        stop(pid)


@case
def a_running_program_can_be_removed_and_replaced():
    pid = start_sleeper()
    try:
        os.unlink("program")
        make("program", b"#!/bin/sh\nexit 7\n", 0o755)
        equal(status_of("./program"), 7, "exit code of the replacement")
        equal(os.waitpid(pid, os.WNOHANG), (0, 0), "the first still runs")
    finally:
        stop(pid)


@case
def a_program_written_anew_runs_anew():
    for code in (3, 4, 5):
        make("script", b"#!/bin/sh\nexit %d\n" % code, 0o755)
        equal(status_of("./script"), code, "exit code")


@case
def a_program_is_found_through_a_symlink():
    os.mkdir("bin")
    make("bin/script", b"#!/bin/sh\nexit 9\n", 0o755)
    os.symlink("bin/script", "link")
    equal(status_of("./link"), 9, "exit code")


@case
def a_running_script_reads_its_own_directory():
    make("data", b"abc")
    make("script", b"#!/bin/sh\ncat data > copy\n", 0o755)
    equal((status_of("./script"), read("copy")), (0, b"abc"), "exit code and copy")

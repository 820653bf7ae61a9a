"""utimensat(2), and which call changes which time."""

import os
import time

from harness.expect import equal, true
from harness.files import make, opened
from harness.registry import case
from harness.syscalls import utimensat

TICK_S = 0.02  # longer than the coarsest clock tick that kernels stamp files with
PAST_NS = 1_000_000_000_123_456_789


def times(path):
    status = os.lstat(path)
    return status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns


def changed_by(path, action):
    """Which of mtime and ctime the action changes."""
    os.utime(path, ns=(PAST_NS, PAST_NS), follow_symlinks=False)
    ctime = times(path)[2]
    time.sleep(TICK_S)
    action()
    _, after_mtime, after_ctime = times(path)
    return {name for name, changed in (("mtime", after_mtime != PAST_NS), ("ctime", after_ctime > ctime)) if changed}


def write_once(path):
    with opened(path, os.O_WRONLY) as f:
        os.write(f, b"x")


@case
def utime_keeps_nanoseconds():
    make("f")
    os.utime("f", ns=(1_234_567_890_987_654_321, 1_111_111_111_000_000_001))
    equal(times("f")[:2], (1_234_567_890_987_654_321, 1_111_111_111_000_000_001), "atime and mtime")


@case
def utime_by_descriptor_and_of_a_directory():
    make("f")
    os.mkdir("d")
    with opened("f") as f, opened("d") as d:
        os.utime(f, ns=(11, 22))
        os.utime(d, ns=(33, 44))
    equal((times("f")[:2], times("d")[:2]), ((11, 22), (33, 44)), "times")


@case
def utime_before_1970():
    make("f")
    os.utime("f", (-100, -200))
    equal((os.stat("f").st_atime, os.stat("f").st_mtime), (-100, -200), "times")


@case
def utime_after_2038():
    make("f")
    os.utime("f", (5_000_000_000, 6_000_000_000))
    equal((os.stat("f").st_atime, os.stat("f").st_mtime), (5_000_000_000, 6_000_000_000), "times")


@case
def utime_now_sets_both_to_about_now():
    make("f")
    os.utime("f", (1, 1))
    make("reference")
    os.utime("f")
    atime, mtime, _ = times("f")
    reference = os.stat("reference").st_mtime_ns
    true(atime >= reference - 1_000_000_000 and mtime >= reference - 1_000_000_000, "both are not before the reference")


@case
def utime_omit_leaves_the_other_time():
    make("f")
    os.utime("f", ns=(PAST_NS, PAST_NS))
    utimensat("f", None, 77)
    equal(times("f")[:2], (PAST_NS, 77), "times")
    utimensat("f", 88, None)
    equal(times("f")[:2], (88, 77), "times")


@case
def utime_omit_of_both_changes_nothing():
    make("f")
    os.utime("f", ns=(PAST_NS, PAST_NS))
    before = times("f")
    time.sleep(TICK_S)
    utimensat("f", None, None)
    equal(times("f"), before, "times")


@case
def utime_changes_ctime():
    make("f")
    ctime = times("f")[2]
    time.sleep(TICK_S)
    os.utime("f", ns=(1, 1))
    true(times("f")[2] > ctime, "ctime rose")


@case
def write_changes_mtime_and_ctime():
    make("f")
    equal(changed_by("f", lambda: write_once("f")), {"mtime", "ctime"}, "changed")


@case
def write_is_seen_in_mtime_while_the_file_is_open():
    make("f")
    with opened("f", os.O_WRONLY) as f:
        os.utime("f", ns=(PAST_NS, PAST_NS))
        os.write(f, b"x")
        true(os.fstat(f).st_mtime_ns != PAST_NS and os.stat("f").st_mtime_ns != PAST_NS, "mtime changed")


@case
def mtime_set_after_the_last_write_outlives_close():
    make("f")
    with opened("f", os.O_WRONLY) as f:
        os.write(f, b"abc")
        os.utime(f, ns=(PAST_NS, PAST_NS))
    equal(times("f")[1], PAST_NS, "mtime")


@case
def empty_write_changes_nothing():
    make("f", b"abc")

    def write_nothing():
        with opened("f", os.O_WRONLY) as f:
            os.write(f, b"")
    equal(changed_by("f", write_nothing), set(), "changed")


@case
def open_for_writing_and_close_changes_nothing():
    make("f", b"abc")
    equal(changed_by("f", lambda: os.close(os.open("f", os.O_RDWR))), set(), "changed")


@case
def read_changes_neither_mtime_nor_ctime():
    make("f", b"abc")

    def read():
        with opened("f") as f:
            os.read(f, 9)
    equal(changed_by("f", read), set(), "changed")


@case
def chmod_and_chown_change_ctime_only():
    make("f")
    equal(changed_by("f", lambda: os.chmod("f", 0o600)), {"ctime"}, "changed by chmod")
    equal(changed_by("f", lambda: os.chown("f", 1, 1)), {"ctime"}, "changed by chown")


@case
def link_and_unlink_change_ctime_only():
    make("f")
    equal(changed_by("f", lambda: os.link("f", "g")), {"ctime"}, "changed by link")
    equal(changed_by("f", lambda: os.unlink("g")), {"ctime"}, "changed by unlink")


@case
def rename_changes_ctime_only():
    make("f")

    def there_and_back():
        os.rename("f", "g")
        os.rename("g", "f")
    equal(changed_by("f", there_and_back), {"ctime"}, "changed")


@case
def truncate_changes_mtime_and_ctime():
    make("f", b"abc")
    equal(changed_by("f", lambda: os.truncate("f", 1)), {"mtime", "ctime"}, "changed by shrinking")
    equal(changed_by("f", lambda: os.truncate("f", 9)), {"mtime", "ctime"}, "changed by growing")


@case
def open_trunc_changes_mtime_and_ctime():
    make("f", b"abc")
    equal(changed_by("f", lambda: os.close(os.open("f", os.O_WRONLY | os.O_TRUNC))), {"mtime", "ctime"}, "changed")


@case
def setting_an_xattr_changes_ctime_only():
    make("f")
    equal(changed_by("f", lambda: os.setxattr("f", "user.k", b"v")), {"ctime"}, "changed by set")
    equal(changed_by("f", lambda: os.removexattr("f", "user.k")), {"ctime"}, "changed by remove")


@case
def new_names_carry_the_time_of_their_making():
    make("first")
    time.sleep(TICK_S)
    make("second")
    true(times("second")[1] > times("first")[1], "the second is newer")


@case
def make_rule_holds_a_target_written_later_is_newer():
    make("source")
    time.sleep(TICK_S)
    make("target", b"built")
    true(os.stat("target").st_mtime_ns > os.stat("source").st_mtime_ns, "target newer than source")
    time.sleep(TICK_S)
    write_once("source")
    true(os.stat("source").st_mtime_ns > os.stat("target").st_mtime_ns, "source newer than target")

"""What another user may do: the permission bits, class by class."""

import errno
import os

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.processes import NOBODY, SOMEONE, as_user
from harness.registry import case


@case
def others_need_the_read_bit():
    make("f", b"abc", 0o640)
    as_user(NOBODY, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))
    os.chmod("f", 0o644)
    as_user(NOBODY, lambda: equal(read("f"), b"abc", "content"))


@case
def others_need_the_write_bit():
    make("f", b"abc", 0o644)
    as_user(NOBODY, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY))
    as_user(NOBODY, lambda: fails(errno.EACCES, os.open, "f", os.O_RDWR))
    as_user(NOBODY, lambda: fails(errno.EACCES, os.truncate, "f", 0))
    equal(read("f"), b"abc", "content")


@case
def a_file_cached_for_root_is_still_closed_to_others():
    make("f", b"secret", 0o600)
    read("f")
    os.stat("f")
    as_user(NOBODY, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def the_group_class_counts_for_members():
    make("f", b"abc", 0o640)
    os.chown("f", 0, 7777)
    as_user(SOMEONE, lambda: equal(read("f"), b"abc", "content"), groups=(7777,))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY), groups=(7777,))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def the_owner_class_shuts_the_owner_out():
    make("f", mode=0o077)
    os.chown("f", SOMEONE, SOMEONE)
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def the_group_class_shuts_members_out():
    make("f", mode=0o607)
    os.chown("f", 0, 7777)
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY), groups=(7777,))


@case
def a_directory_without_search_hides_its_files():
    os.mkdir("d")
    make("d/f", b"abc", 0o666)
    os.chmod("d", 0o744)

    def act():
        equal(os.listdir("d"), ["f"], "names")
        fails(errno.EACCES, os.stat, "d/f")
        fails(errno.EACCES, os.open, "d/f", os.O_RDONLY)
    as_user(NOBODY, act)


@case
def a_directory_without_read_can_still_be_searched():
    os.mkdir("d")
    make("d/f", b"abc", 0o644)
    os.chmod("d", 0o711)

    def act():
        fails(errno.EACCES, os.listdir, "d")
        equal(read("d/f"), b"abc", "content")
    as_user(NOBODY, act)


@case
def a_directory_without_write_keeps_its_names():
    os.mkdir("d")
    make("d/f", mode=0o666)
    os.mkdir("d/s")

    def act():
        fails(errno.EACCES, os.open, "d/new", os.O_WRONLY | os.O_CREAT)
        fails(errno.EACCES, os.unlink, "d/f")
        fails(errno.EACCES, os.rmdir, "d/s")
        fails(errno.EACCES, os.mkdir, "d/t")
        fails(errno.EACCES, os.symlink, "x", "d/l")
        fails(errno.EACCES, os.rename, "d/f", "d/g")
        fails(errno.EACCES, os.mkfifo, "d/p")
    as_user(NOBODY, act)
    equal(sorted(os.listdir("d")), ["f", "s"], "names")


@case
def rename_needs_write_in_both_directories():
    os.mkdir("from")
    os.mkdir("to")
    make("from/f")
    os.chmod("from", 0o777)
    as_user(NOBODY, lambda: fails(errno.EACCES, os.rename, "from/f", "to/f"))
    os.chmod("to", 0o777)
    as_user(NOBODY, lambda: os.rename("from/f", "to/f"))


@case
def moving_a_directory_of_another_owner_needs_write_in_it():
    os.mkdir("from", 0o777)
    os.mkdir("to")
    os.chmod("from", 0o777)
    os.chmod("to", 0o777)
    os.mkdir("from/d", 0o755)
    as_user(NOBODY, lambda: fails(errno.EACCES, os.rename, "from/d", "to/d"))


@case
def access_answers_for_the_caller():
    make("f", mode=0o640)
    true(os.access("f", os.R_OK | os.W_OK), "root reads and writes")
    true(not os.access("f", os.X_OK), "root does not run it")

    def act():
        true(os.access("f", os.F_OK), "it exists")
        true(not os.access("f", os.R_OK) and not os.access("f", os.W_OK), "no read, no write")
    as_user(NOBODY, act)


@case
def access_follows_a_change_of_mode_at_once():
    make("f", mode=0o600)
    for mode, allowed in ((0o644, True), (0o600, False), (0o604, True)):
        os.chmod("f", mode)
        as_user(NOBODY, lambda: equal(os.access("f", os.R_OK), allowed, f"access with {mode:o}"))


@case
def access_by_real_and_by_effective_user():
    make("f", mode=0o600)
    pid = os.fork()
    if pid == 0:
        os.setresuid(NOBODY, 0, 0)
        good = not os.access("f", os.R_OK) and os.access("f", os.R_OK, effective_ids=True)
        os._exit(0 if good else 1)
    equal(os.waitpid(pid, 0)[1], 0, "status of the child")


@case
def root_needs_no_permission_bits():
    os.mkdir("d")
    make("d/f", b"abc", 0)
    os.chmod("d", 0)
    equal(read("d/f"), b"abc", "content")


@case
def status_of_an_unreadable_file_is_public():
    make("f", b"abc", 0)
    as_user(NOBODY, lambda: equal(os.stat("f").st_size, 3, "size"))


@case
def a_descriptor_passed_to_another_user_still_works():
    make("f", b"abc", 0o600)
    with opened("f", os.O_RDWR) as f:
        as_user(NOBODY, lambda: (equal(os.pread(f, 9, 0), b"abc", "content"), os.pwrite(f, b"x", 0)))
    equal(read("f"), b"xbc", "content")


@case
def times_can_be_set_by_the_owner_only_and_touched_by_writers():
    make("f", mode=0o666)

    def act():
        fails(errno.EPERM, os.utime, "f", (1, 1))
        os.utime("f")
    as_user(NOBODY, act)
    os.chmod("f", 0o644)
    as_user(NOBODY, lambda: fails(errno.EACCES, os.utime, "f"))

"""chmod, umask, and what writing and changing the owner do to set-id bits."""

import errno
import os
import stat

from harness.expect import equal, fails, true
from harness.files import make, opened, permissions
from harness.processes import NOBODY, SOMEONE, as_user
from harness.registry import case


@case
def chmod_sets_every_bit():
    make("f")
    for mode in (0, 0o777, 0o1644, 0o2755, 0o4711, 0o7777):
        os.chmod("f", mode)
        equal(permissions("f"), mode, "mode")


@case
def chmod_by_descriptor():
    make("f")
    with opened("f") as f:
        os.fchmod(f, 0o601)
        equal(stat.S_IMODE(os.fstat(f).st_mode), 0o601, "mode")


@case
def chmod_of_a_directory():
    os.mkdir("d")
    os.chmod("d", 0o1771)
    equal(permissions("d"), 0o1771, "mode")


@case
def chmod_follows_a_symlink():
    make("f")
    os.symlink("f", "link")
    os.chmod("link", 0o600)
    equal((permissions("f"), permissions("link")), (0o600, 0o777), "modes of target and link")


@case
def chmod_of_a_missing_file_fails():
    fails(errno.ENOENT, os.chmod, "f", 0o600)


@case
def chmod_by_another_user_fails():
    make("f", mode=0o666)
    as_user(NOBODY, lambda: fails(errno.EPERM, os.chmod, "f", 0o777))
    equal(permissions("f"), 0o666, "mode")


@case
def chmod_by_the_owner():
    make("f")
    os.chown("f", SOMEONE, SOMEONE)
    as_user(SOMEONE, lambda: os.chmod("f", 0o640))
    equal(permissions("f"), 0o640, "mode")


@case
def chmod_by_an_owner_outside_the_group_drops_setgid():
    make("f")
    os.chown("f", SOMEONE, 7777)
    as_user(SOMEONE, lambda: os.chmod("f", 0o2755))
    equal(permissions("f"), 0o755, "mode")


@case
def chmod_by_an_owner_inside_the_group_keeps_setgid():
    make("f")
    os.chown("f", SOMEONE, 7777)
    as_user(SOMEONE, lambda: os.chmod("f", 0o2755), groups=(7777,))
    equal(permissions("f"), 0o2755, "mode")


@case
def chmod_does_not_change_what_an_open_descriptor_may_do():
    make("f", b"abc")
    os.chown("f", SOMEONE, SOMEONE)

    def act():
        with opened("f", os.O_RDWR) as f:
            os.chmod("f", 0)
            os.write(f, b"x")
            equal(os.pread(f, 9, 0), b"xbc", "content")
            fails(errno.EACCES, os.open, "f", os.O_RDONLY)
    as_user(SOMEONE, act)


@case
def write_by_a_user_clears_set_id_bits():
    make("f", b"abc", 0o6777)

    def act():
        with opened("f", os.O_WRONLY) as f:
            os.write(f, b"x")
    as_user(NOBODY, act)
    equal(permissions("f"), 0o777, "mode")


@case
def write_by_root_keeps_set_id_bits():
    make("f", b"abc", 0o6777)
    with opened("f", os.O_WRONLY) as f:
        os.write(f, b"x")
    equal(permissions("f"), 0o6777, "mode")


@case
def truncate_by_a_user_clears_set_id_bits():
    make("f", b"abc", 0o6777)
    as_user(NOBODY, lambda: os.truncate("f", 1))
    equal(permissions("f"), 0o777, "mode")


@case
def open_trunc_by_a_user_clears_set_id_bits():
    make("f", b"abc", 0o6777)
    as_user(NOBODY, lambda: os.close(os.open("f", os.O_WRONLY | os.O_TRUNC)))
    equal(permissions("f"), 0o777, "mode")


@case
def setgid_without_group_execute_survives_a_write():
    make("f", b"abc", 0o2767)
    os.chown("f", 0, NOBODY)
    os.chmod("f", 0o2767)

    def act():
        with opened("f", os.O_WRONLY) as f:
            os.write(f, b"x")
    as_user(NOBODY, act)
    equal(permissions("f"), 0o2767, "mode")


@case
def umask_applies_to_directories():
    os.umask(0o077)
    os.mkdir("d", 0o777)
    equal(permissions("d"), 0o700, "mode")


@case
def umask_applies_to_fifos():
    os.umask(0o026)
    os.mkfifo("p", 0o666)
    equal(permissions("p"), 0o640, "mode")


@case
def umask_does_not_apply_to_chmod():
    os.umask(0o777)
    make("f")
    os.chmod("f", 0o666)
    equal(permissions("f"), 0o666, "mode")


@case
def sticky_directory_protects_other_users_files():
    os.mkdir("d")
    os.chmod("d", 0o1777)
    as_user(SOMEONE, lambda: make("d/f"))

    def act():
        fails(errno.EPERM, os.unlink, "d/f")
        fails(errno.EPERM, os.rename, "d/f", "d/g")
        make("d/mine")
        fails(errno.EPERM, os.rename, "d/mine", "d/f")
        os.unlink("d/mine")
    as_user(NOBODY, act)
    true(os.path.exists("d/f"), "the file is still there")


@case
def sticky_directory_lets_its_owner_remove():
    os.mkdir("d")
    os.chmod("d", 0o1777)
    os.chown("d", NOBODY, NOBODY)
    as_user(SOMEONE, lambda: make("d/f"))
    as_user(NOBODY, lambda: os.unlink("d/f"))
    true(not os.path.exists("d/f"), "the file is gone")


@case
def sticky_directory_lets_the_files_owner_remove():
    os.mkdir("d")
    os.chmod("d", 0o1777)
    as_user(SOMEONE, lambda: (make("d/f"), os.rename("d/f", "d/g"), os.unlink("d/g")))


@case
def sticky_directory_protects_other_users_directories():
    os.mkdir("d")
    os.chmod("d", 0o1777)
    as_user(SOMEONE, lambda: os.mkdir("d/s"))
    as_user(NOBODY, lambda: fails(errno.EPERM, os.rmdir, "d/s"))

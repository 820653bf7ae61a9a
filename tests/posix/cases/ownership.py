"""chown and the owner and group of what is made."""

import errno
import os

from harness.expect import equal, fails
from harness.files import make, opened, permissions
from harness.processes import NOBODY, SOMEONE, as_user
from harness.registry import case


def owners(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


@case
def chown_sets_owner_and_group():
    make("f")
    os.chown("f", SOMEONE, 7777)
    equal(owners("f"), (SOMEONE, 7777), "owners")


@case
def chown_minus_one_leaves_as_it_is():
    make("f")
    os.chown("f", SOMEONE, 7777)
    os.chown("f", -1, 8888)
    equal(owners("f"), (SOMEONE, 8888), "owners")
    os.chown("f", NOBODY, -1)
    equal(owners("f"), (NOBODY, 8888), "owners")


@case
def chown_takes_large_ids():
    make("f")
    os.chown("f", 4000000000, 3999999999)
    equal(owners("f"), (4000000000, 3999999999), "owners")


@case
def chown_follows_and_lchown_does_not():
    make("f")
    os.symlink("f", "link")
    os.chown("link", SOMEONE, SOMEONE)
    os.lchown("link", NOBODY, NOBODY)
    equal((owners("f"), owners("link")), ((SOMEONE, SOMEONE), (NOBODY, NOBODY)), "owners")


@case
def chown_by_descriptor():
    make("f")
    with opened("f") as f:
        os.fchown(f, SOMEONE, SOMEONE)
    equal(owners("f"), (SOMEONE, SOMEONE), "owners")


@case
def chown_of_an_executable_clears_set_id_bits():
    make("f", mode=0o6755)
    os.chown("f", SOMEONE, SOMEONE)
    equal(permissions("f"), 0o755, "mode")


@case
def chown_of_a_directory_keeps_set_id_bits():
    os.mkdir("d")
    os.chmod("d", 0o6755)
    os.chown("d", SOMEONE, SOMEONE)
    equal(permissions("d"), 0o6755, "mode")


@case
def chown_by_a_user_to_another_user_fails():
    make("f")
    os.chown("f", SOMEONE, SOMEONE)
    as_user(SOMEONE, lambda: fails(errno.EPERM, os.chown, "f", NOBODY, -1))


@case
def chown_by_the_owner_to_a_group_of_his():
    make("f", mode=0o6755)
    os.chown("f", SOMEONE, SOMEONE)
    os.chmod("f", 0o6755)
    as_user(SOMEONE, lambda: os.chown("f", -1, 7777), groups=(7777,))
    equal((owners("f"), permissions("f")), ((SOMEONE, 7777), 0o755), "owners and mode")


@case
def chown_by_the_owner_to_a_foreign_group_fails():
    make("f")
    os.chown("f", SOMEONE, SOMEONE)
    as_user(SOMEONE, lambda: fails(errno.EPERM, os.chown, "f", -1, 7777))


@case
def chown_by_another_user_fails():
    make("f", mode=0o666)
    as_user(NOBODY, lambda: fails(errno.EPERM, os.chown, "f", NOBODY, NOBODY))


@case
def new_files_belong_to_their_maker():
    os.chmod(".", 0o777)
    as_user(SOMEONE, lambda: (make("f"), os.mkdir("d"), os.symlink("x", "l"), os.mkfifo("p")), group=7777)
    equal([owners(n) for n in ("f", "d", "l", "p")], [(SOMEONE, 7777)] * 4, "owners")


@case
def setgid_directory_gives_its_group():
    os.mkdir("d")
    os.chown("d", 0, 7777)
    os.chmod("d", 0o2777)
    as_user(SOMEONE, lambda: (make("d/f"), os.mkdir("d/s"), os.symlink("x", "d/l")))
    equal([owners(n) for n in ("d/f", "d/s", "d/l")], [(SOMEONE, 7777)] * 3, "owners")
    equal((permissions("d/f") & 0o2000, permissions("d/s") & 0o2000), (0, 0o2000), "setgid of file and directory")


@case
def setgid_is_dropped_from_a_new_executable_of_a_foreign_group():
    os.mkdir("d")
    os.chown("d", 0, 7777)
    os.chmod("d", 0o2777)

    def act():
        os.umask(0)
        os.close(os.open("d/f", os.O_WRONLY | os.O_CREAT, 0o2755))
    as_user(SOMEONE, act)
    equal(permissions("d/f"), 0o755, "mode")

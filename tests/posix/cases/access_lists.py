"""POSIX access lists: what a list says, what is inherited, and what chmod and the umask make of it (acl(5))."""

import errno
import os
import stat
import struct

from harness.expect import equal, fails, true
from harness.files import make, opened, read
from harness.processes import NOBODY, SOMEONE, as_user
from harness.registry import case

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
TAGS = {"user": 1, "USER": 2, "group": 4, "GROUP": 8, "mask": 16, "other": 32}
NO_ID = 0xFFFFFFFF


def acl(*entries):
    """From (tag, permissions) and (tag, id, permissions): "user" is the owner's entry, "USER" a named one."""
    value = struct.pack("<I", 2)
    for entry in entries:
        value += struct.pack("<HHI", TAGS[entry[0]], entry[-1], entry[1] if len(entry) == 3 else NO_ID)
    return value


def list_of(path, name=ACCESS):
    value = os.getxattr(path, name)
    names = {number: tag for tag, number in TAGS.items()}
    entries = [struct.unpack_from("<HHI", value, i) for i in range(4, len(value), 8)]
    return [(names[tag], permissions) if id == NO_ID else (names[tag], id, permissions) for tag, permissions, id in entries]


def has_list(path, name=ACCESS):
    return name in os.listxattr(path)


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def create(path, mode, content=b""):
    """Unlike make() it sets no mode afterwards."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode) as f:
        os.write(f, content)


def with_umask(umask, action):
    before = os.umask(umask)
    try:
        return action()
    finally:
        os.umask(before)


LIST = acl(("user", 6), ("USER", SOMEONE, 6), ("group", 4), ("mask", 6), ("other", 0))


@case
def acl_is_set_read_and_listed():
    make("f", mode=0o644)
    os.setxattr("f", ACCESS, LIST)
    equal(os.getxattr("f", ACCESS), LIST, "list")
    true(has_list("f"), "it is listed")
    equal(mode_of("f"), 0o660, "the mode's group bits are the mask")


@case
def acl_that_says_what_a_mode_says_becomes_the_mode():
    make("f", mode=0o644)
    os.setxattr("f", ACCESS, LIST)
    os.setxattr("f", ACCESS, acl(("user", 7), ("group", 5), ("other", 1)))
    equal(mode_of("f"), 0o751, "mode")
    true(not has_list("f"), "no list is kept")
    fails(errno.ENODATA, os.getxattr, "f", ACCESS)


@case
def acl_with_a_mask_and_nobody_named_is_kept():
    make("f", mode=0o640)
    value = acl(("user", 6), ("group", 6), ("mask", 4), ("other", 0))
    os.setxattr("f", ACCESS, value)
    equal((os.getxattr("f", ACCESS), mode_of("f")), (value, 0o640), "list and mode")


@case
def acl_is_removed_and_the_mode_stays():
    make("f", mode=0o644)
    os.setxattr("f", ACCESS, LIST)
    os.removexattr("f", ACCESS)
    equal((has_list("f"), mode_of("f")), (False, 0o660), "list and mode")
    os.removexattr("f", ACCESS)


@case
def acl_names_a_user():
    make("f", b"abc", 0o600)
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))
    os.setxattr("f", ACCESS, acl(("user", 6), ("USER", SOMEONE, 4), ("group", 0), ("mask", 4), ("other", 0)))
    as_user(SOMEONE, lambda: equal(read("f"), b"abc", "content"))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY))
    as_user(NOBODY, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def acl_names_a_group():
    make("f", b"abc", 0o600)
    os.setxattr("f", ACCESS, acl(("user", 6), ("group", 0), ("GROUP", 7777, 6), ("mask", 6), ("other", 0)))
    as_user(SOMEONE, lambda: equal(read("f"), b"abc", "content"), groups=(7777,))
    as_user(SOMEONE, lambda: os.close(os.open("f", os.O_WRONLY)), groups=(7777,))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def acl_shuts_a_named_user_out():
    make("f", b"abc", 0o644)
    os.setxattr("f", ACCESS, acl(("user", 6), ("USER", SOMEONE, 0), ("group", 4), ("mask", 4), ("other", 4)))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))
    as_user(NOBODY, lambda: equal(read("f"), b"abc", "content"))


@case
def acl_mask_bounds_named_users_and_groups_not_the_owner():
    make("f", b"abc", 0o600)
    os.chown("f", NOBODY, NOBODY)
    os.setxattr("f", ACCESS, acl(("user", 6), ("USER", SOMEONE, 7), ("group", 7), ("GROUP", 7777, 7), ("mask", 4), ("other", 0)))
    as_user(SOMEONE, lambda: equal(read("f"), b"abc", "content"))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY))
    as_user(1, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY), groups=(7777,))
    as_user(NOBODY, lambda: os.close(os.open("f", os.O_RDWR)))


@case
def acl_of_a_directory_decides_who_enters_and_lists():
    os.mkdir("d", 0o700)
    make("d/f", b"abc", 0o644)
    os.setxattr("d", ACCESS, acl(("user", 7), ("USER", SOMEONE, 1), ("group", 0), ("mask", 1), ("other", 0)))
    as_user(SOMEONE, lambda: equal(read("d/f"), b"abc", "content"))
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.listdir, "d"))
    as_user(NOBODY, lambda: fails(errno.EACCES, os.stat, "d/f"))
    os.setxattr("d", ACCESS, acl(("user", 7), ("USER", SOMEONE, 7), ("group", 0), ("mask", 7), ("other", 0)))
    as_user(SOMEONE, lambda: equal(os.listdir("d"), ["f"], "names"))
    as_user(SOMEONE, lambda: os.rename("d/f", "d/g"))


@case
def acl_change_counts_at_once():
    make("f", b"abc", 0o600)
    yes = acl(("user", 6), ("USER", SOMEONE, 4), ("group", 0), ("mask", 4), ("other", 0))
    no = acl(("user", 6), ("USER", SOMEONE, 0), ("group", 0), ("mask", 4), ("other", 0))
    for _ in range(20):
        os.setxattr("f", ACCESS, yes)
        as_user(SOMEONE, lambda: equal(read("f"), b"abc", "content"))
        os.setxattr("f", ACCESS, no)
        as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def acl_is_set_by_the_owner_only():
    make("f", mode=0o666)
    as_user(SOMEONE, lambda: fails(errno.EPERM, os.setxattr, "f", ACCESS, LIST))
    as_user(SOMEONE, lambda: fails(errno.EPERM, os.removexattr, "f", ACCESS))
    os.chown("f", SOMEONE, SOMEONE)
    as_user(SOMEONE, lambda: os.setxattr("f", ACCESS, LIST))
    equal(os.getxattr("f", ACCESS), LIST, "list")


@case
def acl_can_be_read_by_who_cannot_read_the_file():
    make("f", mode=0o600)
    value = acl(("user", 6), ("USER", SOMEONE, 4), ("group", 0), ("mask", 4), ("other", 0))
    os.setxattr("f", ACCESS, value)
    as_user(NOBODY, lambda: equal(os.getxattr("f", ACCESS), value, "list"))


@case
def chmod_changes_the_mask_of_an_acl():
    make("f", mode=0o644)
    os.setxattr("f", ACCESS, LIST)
    os.chmod("f", 0o741)
    equal(list_of("f"), [("user", 7), ("USER", SOMEONE, 6), ("group", 4), ("mask", 4), ("other", 1)], "list")
    equal(mode_of("f"), 0o741, "mode")
    as_user(SOMEONE, lambda: fails(errno.EACCES, os.open, "f", os.O_WRONLY))
    os.chmod("f", 0o660)
    as_user(SOMEONE, lambda: os.close(os.open("f", os.O_WRONLY)))


@case
def chmod_of_an_open_file_changes_its_acl():
    make("f", mode=0o644)
    os.setxattr("f", ACCESS, LIST)
    with opened("f", os.O_RDWR) as f:
        os.write(f, b"changed")
        os.fchmod(f, 0o600)
    equal(list_of("f"), [("user", 6), ("USER", SOMEONE, 6), ("group", 4), ("mask", 0), ("other", 0)], "list")


@case
def chown_and_a_write_leave_an_acl():
    make("f", b"abc", 0o644)
    os.setxattr("f", ACCESS, LIST)
    os.chown("f", SOMEONE, NOBODY)
    with opened("f", os.O_WRONLY) as f:
        os.write(f, b"other")
    equal(os.getxattr("f", ACCESS), LIST, "list")


@case
def default_acl_is_for_directories():
    make("f")
    fails(errno.EACCES, os.setxattr, "f", DEFAULT, LIST)
    os.mkdir("d", 0o755)
    os.setxattr("d", DEFAULT, LIST)
    equal((os.getxattr("d", DEFAULT), mode_of("d"), has_list("d")), (LIST, 0o755, False), "the default list, the mode, and no access list")
    os.removexattr("d", DEFAULT)
    fails(errno.ENODATA, os.getxattr, "d", DEFAULT)


@case
def default_acl_that_says_what_a_mode_says_is_kept_as_a_default():
    os.mkdir("d", 0o755)
    value = acl(("user", 7), ("group", 5), ("other", 0))
    os.setxattr("d", DEFAULT, value)
    equal(os.getxattr("d", DEFAULT), value, "list")
    with_umask(0o077, lambda: create("d/f", 0o666))
    equal((mode_of("d/f"), has_list("d/f")), (0o640, False), "mode and list of a new file")


@case
def a_new_file_inherits_the_default_acl_instead_of_the_umask():
    os.mkdir("d", 0o755)
    os.setxattr("d", DEFAULT, acl(("user", 7), ("USER", SOMEONE, 7), ("group", 5), ("mask", 7), ("other", 0)))
    with_umask(0o077, lambda: create("d/f", 0o666, b"abc"))
    equal(list_of("d/f"), [("user", 6), ("USER", SOMEONE, 7), ("group", 5), ("mask", 6), ("other", 0)], "list")
    equal((mode_of("d/f"), has_list("d/f", DEFAULT)), (0o660, False), "mode, and no default list")
    as_user(SOMEONE, lambda: equal(read("d/f"), b"abc", "content"))


@case
def a_new_directory_inherits_the_default_acl_and_hands_it_on():
    os.mkdir("d", 0o755)
    default = acl(("user", 7), ("USER", SOMEONE, 7), ("group", 5), ("mask", 7), ("other", 4))
    os.setxattr("d", DEFAULT, default)
    with_umask(0o022, lambda: os.mkdir("d/e", 0o775))
    equal(os.getxattr("d/e", DEFAULT), default, "default list")
    equal(list_of("d/e"), [("user", 7), ("USER", SOMEONE, 7), ("group", 5), ("mask", 7), ("other", 4)], "access list")
    create("d/e/f", 0o600)
    equal(list_of("d/e/f"), [("user", 6), ("USER", SOMEONE, 7), ("group", 5), ("mask", 0), ("other", 0)], "list two levels down")


@case
def a_fifo_and_a_socket_inherit_and_a_symlink_does_not():
    os.mkdir("d", 0o755)
    os.setxattr("d", DEFAULT, acl(("user", 7), ("USER", SOMEONE, 7), ("group", 5), ("mask", 7), ("other", 0)))
    with_umask(0o077, lambda: os.mkfifo("d/p", 0o666))
    equal((mode_of("d/p"), has_list("d/p")), (0o660, True), "fifo")
    with_umask(0o077, lambda: os.mknod("d/s", stat.S_IFSOCK | 0o777))
    equal((mode_of("d/s"), has_list("d/s")), (0o770, True), "socket")
    os.symlink("nowhere", "d/l")
    fails(errno.EOPNOTSUPP, os.getxattr, "d/l", ACCESS, follow_symlinks=False)
    fails(errno.EOPNOTSUPP, os.setxattr, "d/l", ACCESS, LIST, follow_symlinks=False)


@case
def a_file_without_a_name_inherits():
    os.mkdir("d", 0o755)
    os.setxattr("d", DEFAULT, acl(("user", 7), ("USER", SOMEONE, 7), ("group", 5), ("mask", 7), ("other", 0)))
    f = os.open("d", os.O_TMPFILE | os.O_RDWR, 0o666)
    equal(stat.S_IMODE(os.fstat(f).st_mode), 0o660, "mode")
    true(ACCESS in os.listxattr(f), "it has a list")
    os.close(f)


@case
def moving_and_linking_change_no_acl():
    os.mkdir("d", 0o755)
    os.setxattr("d", DEFAULT, LIST)
    make("f", mode=0o640)
    os.rename("f", "d/f")
    equal((has_list("d/f"), mode_of("d/f")), (False, 0o640), "moved")
    os.setxattr("d/f", ACCESS, LIST)
    os.link("d/f", "g")
    equal(os.getxattr("g", ACCESS), LIST, "linked")


@case
def the_umask_counts_without_a_default_acl():
    os.mkdir("d", 0o755)
    with_umask(0o027, lambda: create("d/f", 0o666))
    with_umask(0o027, lambda: os.mkdir("d/e", 0o777))
    with_umask(0o027, lambda: os.mkfifo("d/p", 0o666))
    equal((mode_of("d/f"), mode_of("d/e"), mode_of("d/p")), (0o640, 0o750, 0o640), "modes")


@case
def a_group_directory_hands_on_its_group_and_its_default_acl():
    os.mkdir("d")
    os.chown("d", 0, 7777)
    os.chmod("d", 0o2775)
    os.setxattr("d", DEFAULT, acl(("user", 7), ("group", 7), ("GROUP", 8888, 7), ("mask", 7), ("other", 5)))
    with_umask(0o077, lambda: os.mkdir("d/e", 0o777))
    equal((os.stat("d/e").st_gid, mode_of("d/e")), (7777, 0o2775), "group and mode")
    equal(list_of("d/e")[2], ("GROUP", 8888, 7), "entry")


@case
def set_group_id_goes_when_a_stranger_to_the_group_sets_an_acl():
    make("f")
    os.chown("f", SOMEONE, 7777)
    os.chmod("f", 0o2755)
    as_user(SOMEONE, lambda: os.setxattr("f", ACCESS, LIST))
    equal(mode_of("f"), 0o660, "mode")
    os.chmod("f", 0o2755)
    as_user(SOMEONE, lambda: os.setxattr("f", ACCESS, LIST), groups=(7777,))
    equal(mode_of("f"), 0o2660, "mode where he is a member")


@case
def a_malformed_acl_is_refused():
    make("f", mode=0o644)
    u, g, o, m = ("user", 6), ("group", 4), ("other", 0), ("mask", 4)
    for value in (
        acl(u, g), acl(u, ("USER", 1, 4), g, o), acl(g, u, o), acl(u, u, g, o), acl(u, g, m, m, o), acl(u, g, o, m),
        acl(u, ("GROUP", 1, 4), g, m, o), acl(u, g, ("USER", 1, 4), m, o), acl(("user", 9), g, o), acl(u, g, o)[:-1], acl(u, g, o) + b"x",
    ):
        fails(errno.EINVAL, os.setxattr, "f", ACCESS, value)
    fails(errno.EOPNOTSUPP, os.setxattr, "f", ACCESS, struct.pack("<I", 1) + acl(u, g, o)[4:])
    equal((mode_of("f"), has_list("f")), (0o644, False), "nothing was changed")


@case
def an_acl_of_many_entries():
    make("f", mode=0o600)
    value = acl(("user", 6), *(("USER", 20000 + i, 4) for i in range(200)), ("group", 0), ("mask", 4), ("other", 0))
    os.setxattr("f", ACCESS, value)
    equal(os.getxattr("f", ACCESS) == value, True, "same list")
    as_user(20199, lambda: equal(read("f"), b"", "content"))
    as_user(20200, lambda: fails(errno.EACCES, os.open, "f", os.O_RDONLY))


@case
def acl_of_an_open_file_that_was_removed():
    make("f", b"abc", 0o640)
    os.setxattr("f", ACCESS, LIST)
    with opened("f", os.O_RDWR) as f:
        os.getxattr(f, ACCESS)
        os.unlink("f")
        equal(os.getxattr(f, ACCESS), LIST, "list")
        os.fchmod(f, 0o600)
        equal(os.getxattr(f, ACCESS), acl(("user", 6), ("USER", SOMEONE, 6), ("group", 4), ("mask", 0), ("other", 0)), "list after chmod")


@case
def acl_beside_other_xattrs():
    make("f", mode=0o640)
    os.setxattr("f", "user.k", b"v")
    fails(errno.ENODATA, os.getxattr, "f", ACCESS)
    os.setxattr("f", ACCESS, LIST)
    os.removexattr("f", "user.k")
    equal(os.getxattr("f", ACCESS), LIST, "list")
    os.removexattr("f", ACCESS)
    true(not has_list("f"), "no list")

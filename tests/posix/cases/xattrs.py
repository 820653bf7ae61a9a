"""Extended attributes: user.*, trusted.* and security.capability."""

import errno
import os
import struct

from harness.expect import equal, fails, true
from harness.files import make, opened
from harness.processes import NOBODY, as_user
from harness.registry import case

CAPABILITY = "security.capability"
NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def user_attributes(path):
    return sorted(name for name in os.listxattr(path) if name.startswith("user."))


@case
def xattr_is_set_read_and_listed():
    make("f")
    os.setxattr("f", "user.one", b"1")
    os.setxattr("f", "user.two", b"22")
    equal((os.getxattr("f", "user.one"), os.getxattr("f", "user.two")), (b"1", b"22"), "values")
    equal(user_attributes("f"), ["user.one", "user.two"], "names")


@case
def xattr_is_replaced():
    make("f")
    os.setxattr("f", "user.k", b"a longer value")
    os.setxattr("f", "user.k", b"short")
    equal(os.getxattr("f", "user.k"), b"short", "value")


@case
def xattr_is_removed():
    make("f")
    os.setxattr("f", "user.k", b"v")
    os.removexattr("f", "user.k")
    fails(errno.ENODATA, os.getxattr, "f", "user.k")
    equal(user_attributes("f"), [], "names")


@case
def xattr_that_is_missing_fails():
    make("f")
    fails(errno.ENODATA, os.getxattr, "f", "user.k")
    fails(errno.ENODATA, os.removexattr, "f", "user.k")


@case
def xattr_create_fails_on_an_existing_one():
    make("f")
    os.setxattr("f", "user.k", b"v", os.XATTR_CREATE)
    fails(errno.EEXIST, os.setxattr, "f", "user.k", b"w", os.XATTR_CREATE)
    equal(os.getxattr("f", "user.k"), b"v", "value")


@case
def xattr_replace_fails_on_a_missing_one():
    make("f")
    fails(errno.ENODATA, os.setxattr, "f", "user.k", b"v", os.XATTR_REPLACE)
    os.setxattr("f", "user.k", b"v")
    os.setxattr("f", "user.k", b"w", os.XATTR_REPLACE)
    equal(os.getxattr("f", "user.k"), b"w", "value")


@case
def xattr_with_an_empty_value():
    make("f")
    os.setxattr("f", "user.k", b"")
    equal((os.getxattr("f", "user.k"), user_attributes("f")), (b"", ["user.k"]), "value and names")


@case
def xattr_of_any_bytes():
    make("f")
    value = bytes(range(256)) * 8
    os.setxattr("f", "user.k", value)
    equal(os.getxattr("f", "user.k") == value, True, "same value")


@case
def xattr_larger_than_64_kib_fails():
    make("f")
    fails(errno.E2BIG, os.setxattr, "f", "user.k", bytes(65537))


@case
def xattr_with_a_name_of_255_bytes_and_of_256():
    make("f")
    name = "user." + "n" * 250
    os.setxattr("f", name, b"v")
    equal(os.getxattr("f", name), b"v", "value")
    fails(errno.ERANGE, os.setxattr, "f", name + "x", b"v")


@case
def xattr_of_an_unknown_namespace_fails():
    make("f")
    fails(errno.EOPNOTSUPP, os.setxattr, "f", "nowhere.k", b"v")
    fails(errno.EOPNOTSUPP, os.getxattr, "f", "nowhere.k")


@case
def xattr_of_a_directory():
    os.mkdir("d")
    os.setxattr("d", "user.k", b"v")
    equal((os.getxattr("d", "user.k"), user_attributes("d")), (b"v", ["user.k"]), "value and names")


@case
def xattr_user_of_a_symlink_fails():
    os.symlink("nowhere", "l")
    fails(errno.EPERM, os.setxattr, "l", "user.k", b"v", follow_symlinks=False)


@case
def xattr_user_of_a_fifo_fails():
    os.mkfifo("p")
    fails(errno.EPERM, os.setxattr, "p", "user.k", b"v")


@case
def xattr_follows_the_file_through_rename_and_link():
    make("a")
    os.setxattr("a", "user.k", b"v")
    os.link("a", "b")
    os.rename("a", "c")
    equal((os.getxattr("b", "user.k"), os.getxattr("c", "user.k")), (b"v", b"v"), "values")


@case
def xattr_by_descriptor_of_an_unlinked_file():
    with opened("f", os.O_RDWR | os.O_CREAT) as f:
        os.setxattr(f, "user.k", b"v")
        os.unlink("f")
        equal((os.getxattr(f, "user.k"), os.listxattr(f).count("user.k")), (b"v", 1), "value and count")


@case
def xattr_survives_a_write_of_the_content():
    make("f", b"abc")
    os.setxattr("f", "user.k", b"v")
    make("f", b"other")
    equal(os.getxattr("f", "user.k"), b"v", "value")


@case
def twenty_xattrs_of_one_file():
    make("f")
    for i in range(20):
        os.setxattr("f", f"user.k{i:02}", str(i).encode() * 10)
    equal(user_attributes("f"), [f"user.k{i:02}" for i in range(20)], "names")
    equal(os.getxattr("f", "user.k13"), b"13" * 10, "a value")


@case
def xattr_needs_the_permission_bits():
    make("f", mode=0o600)
    os.setxattr("f", "user.k", b"v")
    as_user(NOBODY, lambda: fails(errno.EACCES, os.getxattr, "f", "user.k"))
    os.chmod("f", 0o644)
    as_user(NOBODY, lambda: equal(os.getxattr("f", "user.k"), b"v", "value"))
    as_user(NOBODY, lambda: fails(errno.EACCES, os.setxattr, "f", "user.k", b"w"))


@case
def xattr_trusted_is_for_root():
    make("f", mode=0o666)
    os.setxattr("f", "trusted.k", b"v")
    equal(os.getxattr("f", "trusted.k"), b"v", "value")

    def act():
        fails(errno.EPERM, os.setxattr, "f", "trusted.k", b"w")
        fails(errno.ENODATA, os.getxattr, "f", "trusted.k")
        equal(os.listxattr("f"), ["user.k"], "names for others")
    os.setxattr("f", "user.k", b"v")
    equal(sorted(os.listxattr("f")), ["trusted.k", "user.k"], "names for root")
    as_user(NOBODY, act)


@case
def capability_is_kept_and_only_root_sets_it():
    make("f", mode=0o777)
    as_user(NOBODY, lambda: fails(errno.EPERM, os.setxattr, "f", CAPABILITY, NET_BIND))
    os.setxattr("f", CAPABILITY, NET_BIND)
    equal(os.getxattr("f", CAPABILITY), NET_BIND, "value")


@case
def capability_is_lost_when_the_file_is_written():
    make("f", b"abc", 0o777)
    os.setxattr("f", CAPABILITY, NET_BIND)
    with opened("f", os.O_WRONLY) as f:
        os.write(f, b"x")
    fails(errno.ENODATA, os.getxattr, "f", CAPABILITY)


@case
def capability_is_lost_when_the_owner_changes():
    make("f", mode=0o755)
    os.setxattr("f", CAPABILITY, NET_BIND)
    os.chown("f", NOBODY, NOBODY)
    fails(errno.ENODATA, os.getxattr, "f", CAPABILITY)


@case
def capability_is_not_on_a_new_file():
    make("f")
    fails(errno.ENODATA, os.getxattr, "f", CAPABILITY)
    true(CAPABILITY not in os.listxattr("f"), "it is not listed")

"""Names and paths: how long, and of which bytes."""

import errno
import os
import unicodedata

from harness.expect import equal, fails
from harness.files import make, opened, read
from harness.registry import case

LONGEST = "n" * 255


@case
def name_of_255_bytes_for_every_kind():
    make(LONGEST, b"abc")
    equal((read(LONGEST), os.listdir(".")), (b"abc", [LONGEST]), "content and names")
    os.rename(LONGEST, "m" * 255)
    os.link("m" * 255, "k" * 255)
    os.symlink("x", "s" * 255)
    os.mkdir("d" * 255)
    os.mkfifo("p" * 255)
    equal(len(os.listdir(".")), 5, "names")


@case
def name_of_256_bytes_fails_everywhere():
    name = "n" * 256
    make("f")
    for call in (lambda: os.open(name, os.O_WRONLY | os.O_CREAT), lambda: os.mkdir(name), lambda: os.symlink("x", name),
                 lambda: os.link("f", name), lambda: os.rename("f", name), lambda: os.stat(name), lambda: os.unlink(name),
                 lambda: os.rmdir(name), lambda: os.mkfifo(name), lambda: os.chmod(name, 0)):
        fails(errno.ENAMETOOLONG, call)


@case
def name_of_255_bytes_that_are_85_characters():
    name = "\u20ac" * 85
    make(name)
    equal(os.listdir("."), [name], "names")
    fails(errno.ENAMETOOLONG, make, name + "x")


@case
def path_of_4095_bytes():
    path = _deep_path(4095)
    make(path, b"abc")
    equal((len(path), read(path)), (4095, b"abc"), "length and content")


@case
def path_of_4096_bytes_fails():
    fails(errno.ENAMETOOLONG, os.stat, "/".join(["d" * 100] * 50)[:4096])


def _deep_path(length_bytes):
    path = "d" * 200
    while len(path) < length_bytes - 201:
        path += "/" + "d" * 200
    os.makedirs(path)
    return path + "/" + "f" * (length_bytes - len(path) - 1)


@case
def tree_deeper_than_any_path():
    for _ in range(60):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
    make("f", b"deep")
    equal(read("f"), b"deep", "content")
    for _ in range(60):
        os.chdir("..")
    equal(os.listdir("."), ["d" * 100], "names at the top")
    _remove_deep("d" * 100, 60)


def _remove_deep(name, levels):
    for _ in range(levels):
        os.chdir(name)
    os.unlink("f")
    for _ in range(levels):
        os.chdir("..")
        os.rmdir(name)


@case
def names_of_every_byte():
    expected = set()
    for byte in range(1, 256):
        if byte not in (ord("/"), ord(".")):
            name = bytes([byte])
            make(name, name)
            expected.add(name)
    equal(set(os.listdir(b".")), expected, "names")
    for name in expected:
        equal(read(name), name, "content")


@case
def names_that_are_not_utf_8():
    name = b"\xff\xfe\xc0\x80\xed\xa0\x80"
    make(name, b"abc")
    equal((os.listdir(b"."), read(name)), ([name], b"abc"), "names and content")


@case
def names_with_spaces_newlines_and_leading_dashes():
    names = sorted([" ", "a b", "-rf", "a\nb", "\t", "a\\b", "*", "?", "$HOME", "'\"", "...", ".hidden", "~"])
    for name in names:
        make(name)
    equal(sorted(os.listdir(".")), names, "names")


@case
def composed_and_decomposed_characters_are_different_names():
    composed, decomposed = (unicodedata.normalize(form, "\u00e9") for form in ("NFC", "NFD"))
    make(composed, b"1")
    make(decomposed, b"2")
    equal((read(composed), read(decomposed), len(os.listdir("."))), (b"1", b"2", 2), "contents and names")


@case
def several_slashes_are_one():
    os.mkdir("d")
    make("d/f", b"abc")
    equal(read("d////f"), b"abc", "content")


@case
def empty_path_fails():
    fails(errno.ENOENT, os.stat, "")
    fails(errno.ENOENT, os.mkdir, "")


@case
def names_with_many_dots_are_ordinary():
    for name in ("...", "..a", "a..", "a."):
        make(name, name.encode())
        equal(read(name), name.encode(), "content")


@case
def a_missing_name_appears_when_it_is_made():
    fails(errno.ENOENT, os.stat, "f")
    fails(errno.ENOENT, os.stat, "f")
    make("f", b"abc")
    equal(os.stat("f").st_size, 3, "size")
    with opened("f") as f:
        os.unlink("f")
        fails(errno.ENOENT, os.stat, "f")
        equal(os.read(f, 9), b"abc", "content")

"""inotify(7) for changes made on this machine."""

import os

from harness.expect import equal
from harness.files import make, opened
from harness.registry import case
from harness.syscalls import Inotify


@case
def inotify_tells_of_create_and_delete():
    watch = Inotify(".", Inotify.CREATE | Inotify.DELETE)
    make("f")
    os.unlink("f")
    equal(watch.events(), [(Inotify.CREATE, b"f"), (Inotify.DELETE, b"f")], "events")


@case
def inotify_tells_of_a_rename_from_and_to():
    make("a")
    watch = Inotify(".", Inotify.MOVED_FROM | Inotify.MOVED_TO)
    os.rename("a", "b")
    equal(watch.events(), [(Inotify.MOVED_FROM, b"a"), (Inotify.MOVED_TO, b"b")], "events")


@case
def inotify_tells_of_writing_and_closing():
    make("f")
    watch = Inotify("f", Inotify.MODIFY | Inotify.CLOSE_WRITE)
    with opened("f", os.O_WRONLY) as f:
        os.write(f, b"abc")
    equal([mask for mask, _ in watch.events()], [Inotify.MODIFY, Inotify.CLOSE_WRITE], "events")


@case
def inotify_tells_of_a_change_of_mode():
    make("f")
    watch = Inotify("f", Inotify.ATTRIB)
    os.chmod("f", 0o600)
    equal([mask for mask, _ in watch.events()], [Inotify.ATTRIB], "events")


@case
def inotify_tells_of_the_end_of_the_watched_file():
    make("f")
    watch = Inotify("f", Inotify.DELETE_SELF)
    os.unlink("f")
    equal(watch.events()[0][0], Inotify.DELETE_SELF, "event")


@case
def inotify_of_a_directory_names_the_written_file():
    make("f")
    watch = Inotify(".", Inotify.MODIFY)
    os.truncate("f", 10)
    equal(watch.events(), [(Inotify.MODIFY, b"f")], "events")

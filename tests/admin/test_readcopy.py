"""A store that can be read and not written to."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from cookietrack_plugin.admin import readcopy
from cookietrack_plugin.admin.place import places
from cookietrack_plugin.admin.readcopy import read_copy
from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.kit import permissions
from tests.admin.conftest import JOE, make_cookie
from tests.support.smalldisk import mount

NAMES = ["lmdb:ro/.cookies", "file:ro/cookies.dat", "sql:sqlite:///ro/c.db"]


@pytest.fixture
def place(here, stores):
    stores.make("lmdb:x", [make_cookie("joe", JOE)])
    for each in (here / "x").iterdir():
        # As if nobody had written to it for a while.
        os.utime(each, (0, 0))
    return places("lmdb:x")[0]


@pytest.fixture
def now(monkeypatch):
    """The files of the store are as old as the clock says, in steps of sleep."""
    clock = SimpleNamespace(now=1_000.0, slept=[])
    # Of this module alone: threads of other tests sleep, too.
    stopped = SimpleNamespace(time=lambda: clock.now, sleep=clock.slept.append)
    monkeypatch.setattr(readcopy, "time", stopped)
    return clock


def test_the_copy_is_read_and_is_gone_afterwards(here, place):
    with read_copy(place) as copy:
        assert copy.disk_path != place.disk_path
        path = Path(copy.disk_path)
        assert {each.name for each in path.iterdir()} == {"data.mdb", "lock.mdb"}
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()


def test_what_lies_beside_a_file_is_copied_with_it(here):
    for name in ("c.db", "c.db-wal", "other"):
        (here / name).write_text(name)
    with read_copy(places("sql:sqlite:///c.db")[0]) as copy:
        path = Path(copy.disk_path)
        assert {each.name: each.read_text() for each in path.parent.iterdir()} == {
            "store": "c.db",
            "store-wal": "c.db-wal",
        }
        assert copy.options["url"] == f"sqlite:///{path}"


def test_a_copy_during_which_somebody_wrote_is_made_again(here, place, now, monkeypatch):
    copied, copy_files = [], readcopy._copy_files

    def write_while_copying(path, target):
        copy_files(path, target)
        copied.append(target)
        if len(copied) < 3:
            os.utime(here / "x" / "data.mdb", (len(copied), len(copied)))

    monkeypatch.setattr(readcopy, "_copy_files", write_while_copying)
    with read_copy(place):
        assert len(copied) == 3


def test_a_write_in_the_same_tick_of_the_clock_is_not_missed(here, place, now):
    os.utime(here / "x" / "data.mdb", (now.now, now.now))
    with pytest.raises(StoreUnavailable, match="is written to all the time"), read_copy(place):
        pass
    assert len(now.slept) == readcopy._TRIES


def test_a_copy_for_which_there_is_no_room_is_told_with_what_to_do(place, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(readcopy.shutil, "copyfile", full)
    told = r"No space left on device. Set \$TMPDIR"
    with pytest.raises(StoreUnavailable, match=told), read_copy(place):
        pass


def test_an_error_names_the_original(here, place):
    with pytest.raises(StoreCorrupt, match=f"^{here}/x is damaged$"), read_copy(place) as copy:
        raise StoreCorrupt(f"{copy.disk_path} is damaged")


def test_a_read_only_file_system_is_no_matter_of_permissions(here, stores, monkeypatch):
    stores.make("file:x", [])
    access = os.access
    monkeypatch.setattr(
        permissions.os,
        "access",
        lambda path, mode, **more: not mode & os.W_OK and access(path, mode, **more),
    )
    monkeypatch.setattr(
        permissions.os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY)
    )
    told = permissions.denied(str(here / "x"), OSError(errno.EROFS, "Read-only file system"))
    assert told.startswith(f"{here}/x lies on a read-only file system: it can be read")
    assert permissions.is_read_only(str(here / "x"))
    assert not permissions.is_read_only(str(here / "nothing"))


@pytest.fixture
def read_only(here, run, stores):
    """A file system that is mounted read-only, with a store of each kind."""
    (here / "ro").mkdir()
    stores.make("lmdb:source", [make_cookie("joe", JOE), make_cookie("stranger")])
    mount("mount", "-t", "tmpfs", "tmpfs", str(here / "ro"))
    try:
        for name in NAMES:
            assert run("migrate", "lmdb:source", name).code == 0
        mount("mount", "-o", "remount,ro", str(here / "ro"))
        yield
    finally:
        mount("umount", "--lazy", str(here / "ro"))


def test_on_a_read_only_file_system_everything_can_be_looked_into(here, run, read_only):
    for name in NAMES:
        for words in (["count", name], ["verify", name], ["backup", name, "backup", "--force"]):
            answer = run(*words)
            assert answer.code == 0, answer.err
            assert "2" in answer.out
        answer = run("revoke", name, "--all", "--yes")
        assert (answer.code, answer.out) == (3, "")
        assert "lies on a read-only file system" in answer.error
        answer = run("diagnose", name)
        assert answer.code == 1
        assert "lies on a read-only file system" in answer.out
        assert "2 cookies, " in answer.out

"""One process has a `file` store, whatever happens to its lock file and wherever it is mounted."""

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil
import pytest

from cookietrack_plugin.errors import ConfigError, StoreLocked, StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.stores.file import place
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.testing.process import StoreProcess
from tests.support.cookiefile import (
    JOE,
    NAME,
    closed_stores,  # noqa: F401
    contents,
    create,
    id_at,
    open_file,
    reopened,
    wait_for,
)
from tests.support.smalldisk import mount

OPTIONS = {"type": "file", "filename": NAME}


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


@pytest.fixture
def lock(tmp_path):
    return tmp_path / f"{NAME}.lock"


@pytest.fixture
def store(tmp_path):
    store = open_file(tmp_path)
    store.commit(create(range(3), JOE))
    return store


@pytest.fixture
def another(tmp_path):
    """A second process that would like to have the store."""
    process = StoreProcess(FileProvider, OPTIONS, str(tmp_path))
    yield process
    process.kill()


def remove(lock):
    lock.unlink()


def replace(lock):
    lock.rename(f"{lock}.old")
    lock.touch()


def restore(lock):
    """From a backup that was made while somebody else had it."""
    lock.with_suffix(".new").write_text("1\n")
    os.replace(lock.with_suffix(".new"), lock)


MISHAPS = [remove, replace, restore]


@pytest.mark.parametrize("mishap", MISHAPS)
def test_without_the_lock_file_nobody_else_becomes_a_writer_either(store, lock, another, mishap):
    mishap(lock)
    with pytest.raises(StoreLocked, match=NAME):
        another.open()
    assert store.commit(create([3])) == [True]
    with pytest.raises(StoreLocked, match=f"pid {os.getpid()}"):
        another.open()


@pytest.mark.parametrize("mishap", MISHAPS)
def test_the_lock_is_taken_again_with_the_next_batch(tmp_path, store, lock, mishap, caplog):
    mishap(lock)
    assert store.commit(create([3])) == [True]
    assert store.commit(create([4])) == [True]
    assert lock.read_text() == f"{os.getpid()}\n"
    told = [each for each in caplog.messages if "the lock is taken again" in each]
    assert len(told) == 1
    with pytest.raises(StoreLocked):
        open_file(tmp_path)
    assert set(contents(reopened(store, tmp_path))) == {id_at(n) for n in range(5)}


def test_the_lock_is_taken_again_by_a_store_whose_process_writes(store, lock):
    store.begin(create([3]))
    store.commit(create([3]))
    wait_for(lambda: store.begin(create([4])))
    wait_for(store.finish)
    lock.unlink()
    assert store.begin(create([5]))
    wait_for(store.finish)
    assert lock.read_text() == f"{os.getpid()}\n"


def test_a_lock_that_somebody_else_took_meanwhile_harms_nobody(store, lock, caplog):
    """The file itself is locked too: who has the lock alone cannot open the store."""
    lock.unlink()
    theirs = FileLock(str(lock), "it")
    for number in range(3, 6):
        assert store.commit(create([number])) == [True]
    assert len([each for each in caplog.messages if "cannot be locked again yet" in each]) == 1
    theirs.release()
    assert store.commit(create([6])) == [True]
    assert "the lock is taken again" in caplog.text


def test_where_file_and_lock_were_removed_and_another_process_has_the_place_nothing_is_stored(
    store, path, lock, another
):
    path.unlink()
    lock.unlink()
    another.open()
    another.call("commit", create([7]))
    theirs = path.read_bytes()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.commit([Delete(id_at(0))])
    with pytest.raises(StoreLocked, match="restart this node"):
        store.commit([Delete(id_at(0))])
    assert path.read_bytes() == theirs
    another.kill()
    with pytest.raises(StoreLocked, match="restart this node"):
        store.commit([Delete(id_at(0))])
    store.close()
    assert path.read_bytes() == theirs


def test_a_lock_file_that_is_a_link_is_refused_and_what_it_leads_to_left_alone(tmp_path, lock):
    other = tmp_path / "other"
    other.write_text("precious\n")
    lock.symlink_to(other)
    with pytest.raises(StoreUnavailable, match=f"{NAME}.lock: expected a regular file"):
        open_file(tmp_path)
    assert other.read_text() == "precious\n"
    lock.unlink()
    open_file(tmp_path)


def test_a_lock_file_with_another_name_is_made_anew(tmp_path, lock):
    """As backups of hard links leave it; but it may as well be a file of somebody's."""
    other = tmp_path / "other"
    other.write_text("precious\n")
    os.link(other, lock)
    open_file(tmp_path)
    assert other.read_text() == "precious\n"
    assert lock.read_text() == f"{os.getpid()}\n"
    with pytest.raises(StoreLocked):
        open_file(tmp_path)


def test_a_link_that_leads_nowhere_makes_no_file_there(tmp_path, lock):
    lock.symlink_to(tmp_path / "nothing")
    with pytest.raises(StoreUnavailable, match="expected a regular file"):
        open_file(tmp_path)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_a_lock_file_that_is_no_file_is_refused(tmp_path, lock, make):
    make(lock)
    with pytest.raises(StoreUnavailable, match="expected a regular file"):
        open_file(tmp_path)


def test_a_lock_file_that_became_a_link_under_a_running_store_is_not_followed(
    tmp_path, store, lock
):
    other = tmp_path / "other"
    other.write_text("precious\n")
    lock.unlink()
    lock.symlink_to(other)
    assert store.commit(create([3])) == [True]
    assert other.read_text() == "precious\n"


def test_a_zombie_does_not_live(tmp_path, store, lock):
    """A killed process whose parent does not ask for it, and whose writing process is at work."""
    store.close()
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    wait_for(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    held = os.open(lock, os.O_RDWR)
    try:
        os.ftruncate(held, os.pwrite(held, b"%d\n" % zombie.pid, 0))
        fcntl.flock(held, fcntl.LOCK_EX)
        opened = []
        waiting = Thread(target=lambda: opened.append(open_file(tmp_path)))
        waiting.start()
        wait_for(lambda: _times_open(lock) == 2)
        fcntl.flock(held, fcntl.LOCK_UN)
        waiting.join(60)
        assert len(contents(opened[0])) == 3
    finally:
        os.close(held)
        zombie.wait()


def _times_open(path):
    return [each.path for each in psutil.Process().open_files()].count(str(path))


@contextmanager
def _repeated(work):
    """`work` over and over, on a thread; within the block it runs."""
    running, stopping = Event(), Event()

    def repeat():
        while not stopping.is_set():
            with suppress(StoreLocked):
                work()
            running.set()

    thread = Thread(target=repeat)
    thread.start()
    try:
        assert running.wait(60)
        yield
    finally:
        stopping.set()
        thread.join()


def test_who_only_looks_never_keeps_a_node_from_starting(tmp_path, store):
    def look():
        FileProvider().open_readonly(OPTIONS, str(tmp_path)).close()

    store.close()
    with _repeated(look):
        for _ in range(200):
            open_file(tmp_path).close()


def test_who_looks_while_the_lock_is_looked_at_is_not_told_that_it_is_taken(tmp_path, store, lock):
    store.close()
    held = os.open(lock, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_SH)
    try:
        FileProvider().open_readonly(OPTIONS, str(tmp_path)).close()
    finally:
        os.close(held)


def test_who_looks_leaves_the_lock_files_owner_in_it(tmp_path, store, lock):
    before = lock.read_bytes()
    store.close()
    FileProvider().open_readonly(OPTIONS, str(tmp_path)).close()
    assert lock.read_bytes() == before


def test_a_file_that_is_a_mount_point_is_refused_with_what_to_mount_instead(tmp_path, path):
    """As `docker run -v cookies.dat:/node/cookies.dat` makes it."""
    (tmp_path / "outside").touch()
    path.touch()
    mount("mount", "--bind", str(tmp_path / "outside"), str(path))
    try:
        with pytest.raises(ConfigError, match=r"is a mount point.*mount a directory"):
            open_file(tmp_path)
    finally:
        mount("umount", str(path))
    open_file(tmp_path).commit(create([1]))


def test_a_mounted_directory_will_do(tmp_path):
    for name in ("outside", "in side"):
        (tmp_path / name).mkdir()
    mount("mount", "--bind", str(tmp_path / "outside"), str(tmp_path / "in side"))
    try:
        store = open_file(tmp_path / "in side")
        store.commit(create([1]))
        store.close()
    finally:
        mount("umount", str(tmp_path / "in side"))


def test_where_the_system_does_not_tell_its_mounts_none_is_known(monkeypatch):
    assert "/" in place._mount_points()

    def refuse(all):
        raise FileNotFoundError("/proc/self/mounts")

    monkeypatch.setattr(psutil, "disk_partitions", refuse)
    assert place._mount_points() == set()

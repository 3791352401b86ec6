"""The file store rewrites its file in the background, and nobody notices."""

import errno
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import SimpleNamespace

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Auth, Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.file.compaction import Compaction
from cookietrack_plugin.stores.file.compactor import Compactor
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.store import FileStore
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.stores.file.turnstile import Turnstile
from cookietrack_plugin.testing.checks.crashes import CrashChecks
from cookietrack_plugin.testing.checks.expiry import ExpiryChecks
from cookietrack_plugin.testing.checks.model import ModelChecks
from cookietrack_plugin.testing.checks.reopening import ReopenChecks
from cookietrack_plugin.testing.checks.threads import ThreadChecks
from tests.support.cookiefile import (
    DAY,
    FILES,
    JOE,
    NAME,
    NOW,
    EagerFileProvider,
    closed_stores,  # noqa: F401
    compact_always,
    contents,
    cookie_at,
    create,
    id_at,
    open_file,
    reopened,
    wait_for,
)

MARY = Auth("mary", "user", "ticket", "realm1")


class TestFileStoreThatCompactsAllTheTime(
    ExpiryChecks, ThreadChecks, ModelChecks, ReopenChecks, CrashChecks
):
    """What the kit demands of changes, threads and crashes holds in the middle of a compaction."""

    provider = EagerFileProvider
    options = {"type": "file", "filename": NAME}
    durable = True
    rounds = 10


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


@pytest.fixture
def store(tmp_path) -> FileStore:
    """A store with 300 records and no compaction yet."""
    store = open_file(tmp_path)
    store.commit(create(range(300), JOE))
    return store


@pytest.fixture
def held(monkeypatch):
    """Compactions that stop when they have copied some records. `release()` lets them go on."""
    begun, going_on = threading.Event(), threading.Event()
    walk = FileTable.walk

    def hold(table):
        for states in walk(table):
            yield states
            if threading.current_thread().name == "cookietrack-compaction":
                begun.set()
                assert going_on.wait(60)

    monkeypatch.setattr(FileTable, "walk", hold)
    yield SimpleNamespace(begun=begun, release=going_on.set)
    going_on.set()


def outlive(store: FileStore) -> None:
    """Make more than half of the file dead."""
    for at in (1, 2):
        store.commit([Authenticate(id_at(number), JOE, NOW + at) for number in range(300)])


def compactions(store: FileStore) -> int:
    count: int = store.stat()["compactions"]
    return count


def compact(store: FileStore) -> None:
    before = compactions(store)
    outlive(store)
    compact_always(store)
    store.commit([Touch(id_at(0), NOW + 3, NOW + DAY, None, None)])
    wait_for(lambda: compactions(store) > before)


def test_a_file_of_which_less_than_half_is_alive_shrinks_to_what_is(store, path):
    compact(store)
    stat = store.stat()
    assert stat["bytes"] == path.stat().st_size
    assert stat["live_bytes"] < stat["bytes"] < stat["live_bytes"] + 500


def test_a_file_that_is_more_than_half_alive_is_left_alone(store, path):
    compact_always(store)
    inode = path.stat().st_ino
    store.commit([Touch(id_at(1), NOW, NOW, None, None)])
    assert store._ledger._compactor._latest is None
    assert path.stat().st_ino == inode


def test_a_small_file_is_left_alone(store):
    outlive(store)
    assert store._ledger._compactor._latest is None


def test_a_file_that_was_left_as_it_was_is_compacted_when_it_is_opened(
    tmp_path, store, monkeypatch
):
    outlive(store)
    monkeypatch.setattr(Compactor, "compacts_from", 0)
    again = reopened(store, tmp_path)
    wait_for(lambda: compactions(again) == 1)


def test_compaction_alters_no_record(tmp_path, store):
    store.commit([*create(range(300, 310), expires=NOW), Delete(id_at(5))])
    compact(store)
    expected = contents(store)
    assert len(expected) == 309
    assert expected[id_at(7)].seen == NOW + 2
    assert contents(reopened(store, tmp_path)) == expected


def test_what_is_committed_during_a_compaction_is_in_the_new_file(tmp_path, store, held):
    compact_always(store)
    outlive(store)
    assert held.begun.wait(60)
    store.commit(create(range(300, 600)))
    store.commit([Delete(id_at(number)) for number in range(100)])
    store.commit([Authenticate(id_at(number), MARY, NOW + 9) for number in range(100, 400)])
    assert store.expire(NOW, 10) == 0
    held.release()
    wait_for(lambda: compactions(store) == 1)
    store.commit(create(range(600, 610)))
    expected = contents(store)
    assert set(expected) == {id_at(number) for number in range(100, 610)}
    assert expected[id_at(399)].auth == MARY
    assert contents(reopened(store, tmp_path)) == expected


def test_a_store_that_is_killed_during_a_compaction_has_lost_nothing(tmp_path, store, held, path):
    """The files as they lie there at that moment are opened elsewhere."""
    compact_always(store)
    outlive(store)
    assert held.begun.wait(60)
    store.commit(create(range(300, 310)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (NAME, f"{NAME}.compacting"):
        (elsewhere / name).write_bytes((tmp_path / name).read_bytes())
    copy = open_file(elsewhere)
    assert contents(copy) == contents(store)
    assert {each.name for each in elsewhere.iterdir()} == FILES


def test_nobody_waits_for_the_old_file_to_be_closed(store, monkeypatch):
    """It takes the kernel some while to let go of a large one."""
    closing, going_on = threading.Event(), threading.Event()
    close = AppendFile.close

    def hold(file):
        if threading.current_thread().name == "cookietrack-compaction":
            closing.set()
            assert going_on.wait(60)
        close(file)

    monkeypatch.setattr(AppendFile, "close", hold)
    compact(store)
    wait_for(closing.is_set)
    assert store.commit(create(range(1000, 1001))) == [True]
    going_on.set()


def test_commits_wait_for_the_last_few_bytes_however_many_come(store, held, monkeypatch):
    compact_always(store)
    outlive(store)
    assert held.begun.wait(60)
    for start in range(1000, 4000, 500):
        store.commit(create(range(start, start + 500), JOE))
    copied, publish = [], Compaction._publish

    def watched(compaction, draft):
        # Nobody holds up the first who has to wait.
        before = draft.file.size
        replaced = publish(compaction, draft)
        copied.append(draft.file.size - before)
        return replaced

    monkeypatch.setattr(Compaction, "_publish", watched)
    held.release()
    wait_for(lambda: compactions(store) == 1)
    assert copied == [0]
    assert len(contents(store)) == 3300


def test_a_compaction_ends_though_more_comes_with_each_piece_that_it_copies(
    tmp_path, store, held, monkeypatch
):
    """As under a load that never lets up: what it follows is appended as fast."""
    compact_always(store)
    outlive(store)
    assert held.begun.wait(60)
    numbers, follow = count(10_000), Compaction._follow

    def commit_more() -> None:
        first = 1000 * next(numbers)
        store.commit(create(range(first, first + 500), JOE))

    def follow_while_more_comes(compaction, draft):
        if not compaction._commits._lock.locked():
            thread = threading.Thread(target=commit_more)
            thread.start()
            thread.join()
        return follow(compaction, draft)

    monkeypatch.setattr(Compaction, "_follow", follow_while_more_comes)
    held.release()
    wait_for(lambda: compactions(store) == 1)
    store._ledger._compactor.compacts_from = 10**9
    expected = contents(store)
    assert len(expected) > 5000
    assert contents(reopened(store, tmp_path)) == expected


def test_who_waits_for_the_turnstile_is_next():
    """A thread that releases it and asks for it again, over and over, would keep others out."""
    turnstile, order = Turnstile(), []

    def wait_and_note() -> None:
        with turnstile:
            order.append("waiter")

    turnstile.acquire()
    waiter = threading.Thread(target=wait_and_note)
    waiter.start()
    wait_for(turnstile._entry.locked)
    assert not turnstile.acquire(blocking=False)
    turnstile.release()
    with turnstile:
        order.append("releaser")
    waiter.join()
    assert order == ["waiter", "releaser"]


def test_close_ends_a_compaction_and_removes_what_it_has_written(tmp_path, store, held):
    compact_always(store)
    outlive(store)
    assert held.begun.wait(60)
    expected = contents(store)
    closing = threading.Thread(target=store.close)
    closing.start()
    wait_for(lambda: store._ledger._compactor._latest._stopping.is_set())
    held.release()
    closing.join(60)
    assert not store._ledger._compactor._latest.is_alive()
    assert {each.name for each in tmp_path.iterdir()} == FILES
    assert contents(open_file(tmp_path)) == expected


def test_records_expire_after_a_compaction_as_they_would_have_before(store, held):
    compact_always(store)
    store.commit(create(range(300, 310), expires=NOW + 1))
    outlive(store)
    assert held.begun.wait(60)
    later = Touch(id_at(300), NOW, NOW + 99, None, None)
    sooner = [Delete(id_at(1)), *create([1], expires=NOW + 1)]
    store.commit([later, *sooner, *create([400], expires=NOW + 1), Delete(id_at(301))])
    held.release()
    wait_for(lambda: compactions(store) == 1)
    assert store.expire(NOW, 100) == 0
    assert store.expire(NOW + 1, 100) == 10
    assert store.expire(NOW + 99, 100) == 1


def test_what_comes_and_goes_leaves_nothing_behind_in_memory(store):
    """Keys of deleted records wait in the order of expiry, until a compaction leaves them out."""
    for number in range(1000, 1300):
        store.commit([Create(cookie_at(number))])
        store.commit([Delete(id_at(number))])
    compact(store)
    buckets = store._table._queue._buckets.values()
    assert sum(bucket.count(b"\n") for bucket in buckets) <= 300 + 2 * 64


def test_a_link_to_the_file_stays_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / NAME).symlink_to(tmp_path / "data" / "real.dat")
    store = open_file(tmp_path)
    store.commit(create(range(300), JOE))
    compact(store)
    assert (tmp_path / NAME).is_symlink()
    assert {each.name for each in (tmp_path / "data").iterdir()} == {"real.dat", "real.dat.lock"}
    assert len(contents(reopened(store, tmp_path))) == 300


def fail_once(error: int, function: Callable[..., object]) -> Callable[..., object]:
    """`function`, but the first time that a compaction calls it it fails."""
    failed = threading.Event()

    def maybe_fail(*args: object) -> object:
        if threading.current_thread().name == "cookietrack-compaction" and not failed.is_set():
            failed.set()
            raise OSError(error, os.strerror(error))
        return function(*args)

    return maybe_fail


@pytest.mark.parametrize("call", ["fstatvfs", "open", "write", "fdatasync", "rename"])
def test_a_compaction_that_fails_harms_nothing_and_is_tried_again(
    tmp_path, store, path, monkeypatch, caplog, call
):
    monkeypatch.setattr(os, call, fail_once(errno.EIO, getattr(os, call)))
    compact_always(store)
    outlive(store)
    wait_for(lambda: "cannot be compacted now, next try in 0.0 s: OSError(5" in caplog.text)
    # The next one may have begun by now.
    wait_for(lambda: {each.name for each in tmp_path.iterdir()} == FILES)
    wait_for(lambda: store.stat()["bytes"] == path.stat().st_size)
    store.commit(create([400]))

    at = count(NOW + 5)

    def tried_again() -> bool:
        store.commit([Authenticate(id_at(1), JOE, next(at))])
        return compactions(store) >= 1

    wait_for(tried_again)
    expected = contents(store)
    assert len(expected) == 301
    assert contents(reopened(store, tmp_path)) == expected


def test_a_compaction_leaves_half_of_the_disks_room_to_commits(store, monkeypatch, caplog):
    little = SimpleNamespace(f_bavail=1, f_frsize=4096)
    monkeypatch.setattr(os, "fstatvfs", lambda fd: little)
    compact_always(store)
    outlive(store)
    wait_for(lambda: "No space left on device" in caplog.text)
    assert compactions(store) == 0


def test_what_a_compaction_did_is_logged(store, path, caplog):
    caplog.set_level(logging.INFO)
    compact(store)
    line = f"{path}: compacted to {store.stat()['bytes']} bytes"
    wait_for(lambda: line in caplog.text)


def test_where_the_new_file_may_not_survive_a_power_cut_it_is_written_once_more(
    tmp_path, store, monkeypatch
):
    """Its directory could not be flushed: the old file may come back, without later commits."""
    monkeypatch.setattr(os, "fsync", fail_once(errno.EIO, os.fsync))
    compact(store)

    def commits() -> bool:
        with suppress(StoreUnavailable):
            return store.commit(create([400])) == [True]
        return False

    wait_for(commits)
    assert compactions(store) == 2
    assert len(contents(reopened(store, tmp_path))) == 301

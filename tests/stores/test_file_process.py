"""The `file` store whose file is appended to by a process of its own."""

import errno
import os
import select
from contextlib import suppress
from socket import socketpair
from threading import Event, Thread

import psutil
import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.file import writer
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from tests.support.cookiefile import compact_always
from tests.support.node import wait_for

OPTIONS = {"type": "file", "filename": "cookies.dat"}


@pytest.fixture
def open_file(tmp_path):
    opened = []

    def open_file(**options):
        opened.append(FileProvider().open({**OPTIONS, **options}, str(tmp_path)))
        return opened[-1]

    yield open_file
    for store in opened:
        store.close()


@pytest.fixture
def store(open_file):
    return open_file()


def writers(pid=None):
    """The processes that write for that one, or for this one."""
    children = psutil.Process(pid).children()
    return [each for each in children if writer.__name__ in " ".join(each.cmdline())]


def create(number):
    return [Create(make_cookie(number))]


def begin(store, changes):
    """Begin, once the process is there."""
    if not store.begin(changes):
        store.commit([Delete(make_id(999))])
        wait_for(lambda: store.begin(changes), "a process that writes")


def finish(store):
    """What becomes of what was begun."""
    while (results := store.finish()) is None:
        assert select.select([store.fileno()], [], [], 60)[0]
    return results


def test_nobody_writes_for_a_store_until_something_is_to_be_begun(store):
    assert store.commit(create(1)) == [True]
    assert writers() == []
    assert not store.begin(create(2))
    assert writers() == []
    assert store.commit(create(2)) == [True]
    assert len(writers()) == 1


def test_nobody_writes_for_one_that_is_to_be_written_here(open_file):
    store = open_file(writer_process=False)
    assert not store.begin(create(1))
    assert store.commit(create(1)) == [True]
    assert not store.begin(create(2))
    assert writers() == []


def test_what_is_finished_is_there_and_stays_there(store, open_file):
    begin(store, [*create(1), *create(2)])
    assert finish(store) == [True, True]
    begin(store, [*create(1), Authenticate(make_id(2), make_auth(), NOW), Delete(make_id(3))])
    assert store.load([make_id(2)])[make_id(2)].auth is None
    assert finish(store) == [False, True, False]
    assert store.commit([Delete(make_id(1))]) == [True]
    begin(store, create(4))
    assert finish(store) == [True]
    kept = store.load([make_id(n) for n in range(5)])
    assert set(kept) == {make_id(2), make_id(4)}
    assert kept[make_id(2)].auth == make_auth()
    store.close()
    assert writers() == []
    assert open_file().load([make_id(n) for n in range(5)]) == kept


def test_what_alters_nothing_is_not_begun(store):
    begin(store, create(1))
    finish(store)
    assert not store.begin(create(1))
    assert store.commit(create(1)) == [False]


def test_while_something_is_under_way_nothing_else_is_begun(store):
    begin(store, create(1))
    assert not store.begin(create(2))
    assert finish(store) == [True]


def test_one_that_was_killed_meanwhile_fails_nobody(store):
    begin(store, create(1))
    finish(store)
    [child] = writers()
    child.kill()
    wait_for(lambda: child.status() == psutil.STATUS_ZOMBIE, "its death")
    assert not store.begin(create(2))
    assert store.commit(create(2)) == [True]
    assert writers() != [child]
    begin(store, create(3))
    assert finish(store) == [True]


def test_after_its_death_at_work_the_file_is_written_anew_and_nothing_is_lost(
    store, open_file, monkeypatch
):
    may_be_written, walk = Event(), FileTable.walk

    def hold(table):
        assert may_be_written.wait(60)
        yield from walk(table)

    monkeypatch.setattr(FileTable, "walk", hold)
    begin(store, create(1))
    finish(store)
    [child] = writers()
    child.suspend()
    begin(store, create(2))
    child.kill()
    with pytest.raises(StoreUnavailable, match="the process that writes it has ended"):
        finish(store)
    with pytest.raises(StoreUnavailable, match="is rewritten after a fault"):
        store.commit(create(3))
    may_be_written.set()
    wait_for(lambda: store.stat()["compactions"] == 1, "a new file")
    begin(store, create(4))
    assert finish(store) == [True]
    kept = store.load([make_id(n) for n in range(5)])
    assert set(kept) == {make_id(1), make_id(4)}
    store.close()
    assert open_file().load([make_id(n) for n in range(5)]) == kept


def test_a_new_file_has_a_process_of_its_own(store, open_file):
    begin(store, create(1))
    finish(store)
    [child] = writers()
    compact_always(store)
    store.commit([Delete(make_id(1))])
    wait_for(lambda: store.stat()["compactions"] == 1, "a new file")
    wait_for(lambda: not child.is_running(), "the end of the one that has the old file")
    store._ledger._compactor.compacts_from = 10**9
    begin(store, create(2))
    assert finish(store) == [True]
    store.close()
    assert set(open_file().load([make_id(1), make_id(2)])) == {make_id(2)}


def test_where_no_process_can_be_started_the_store_writes_by_itself(store, monkeypatch, caplog):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert not store.begin(create(1))
    assert store.commit(create(1)) == [True]
    assert not store.begin(create(2))
    assert "no process can be started to write" in caplog.text


def test_who_opens_the_store_of_a_killed_process_waits_for_its_last_batch(tmp_path, open_file):
    parent = StoreProcess(FileProvider, OPTIONS, str(tmp_path))
    parent.open()
    assert parent.call("begin", create(1)) is False
    parent.call("commit", create(1))
    wait_for(lambda: parent.call("begin", create(2)), "a process that writes")
    wait_for(lambda: parent.call("finish"), "its answer")
    [child] = writers(parent.pid)
    child.suspend()
    assert parent.call("begin", create(3)) is True
    parent.kill()
    opened = []
    waiting = Thread(target=lambda: opened.append(open_file()))
    waiting.start()
    wait_for(lambda: waits_for_lock(tmp_path), "somebody who waits for the lock")
    assert opened == []
    child.resume()
    waiting.join()
    assert set(opened[0].load([make_id(n) for n in range(4)])) == {make_id(n) for n in (1, 2, 3)}


def waits_for_lock(place):
    opened = [each.path for each in psutil.Process().open_files()]
    return str(place / "cookies.dat.lock") in opened


class ChildEnvironment:
    """The far end, served by a thread of this process."""

    def __init__(self, path):
        near, far = socketpair()
        self.file = AppendFile("", os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT))
        self.lock_path = path.with_name("lock")
        self.lock = os.open(self.lock_path, os.O_RDWR | os.O_CREAT)
        self.watched = writer.Watched(self.file, str(path), self.lock, str(self.lock_path))
        self.near = Channel(near)
        self._thread = Thread(target=self._serve, args=(far,))
        self._thread.start()
        assert self.near.receive() == writer.READY

    def _serve(self, far):
        with far, suppress(EOFError):
            writer.serve(Channel(far), self.watched)

    def ask(self, size, data):
        self.near.send(size.to_bytes(writer.SIZE_BYTES, "big") + data)
        return self.near.receive()

    def close(self):
        self.near.close()
        self._thread.join()
        self.file.close()
        os.close(self.lock)


@pytest.fixture
def serve():
    served = []

    def serve(path):
        served.append(ChildEnvironment(path))
        return served[-1]

    yield serve
    for each in served:
        each.close()


def test_where_there_is_no_room_the_file_is_as_before(serve, tmp_path, monkeypatch):
    served = serve(tmp_path / "file")
    assert served.ask(0, b"one\n") == writer.DONE
    # Others append as well.
    (tmp_path / "file").write_bytes(b"one\ntwo\n")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:1]) and no_room())
        assert served.ask(8, b"three\n") == b"28 1"
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"
    assert served.ask(8, b"four\n") == writer.DONE
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\nfour\n"


def no_room():
    raise OSError(28, "No space left on device")


def test_a_flush_that_fails_is_told_with_what_it_means(serve, tmp_path, monkeypatch):
    served = serve(tmp_path / "file")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: no_room())
        assert served.ask(0, b"one\n") == b"28 0"


def test_a_file_that_was_taken_away_is_told_and_nothing_is_appended_any_more(serve, tmp_path):
    served = serve(tmp_path / "file")
    assert served.ask(0, b"one\n") == writer.DONE
    (tmp_path / "file").unlink()
    assert served.ask(4, b"two\n") == b"%d 0" % errno.ESTALE


def test_a_lock_file_that_was_taken_away_is_told(serve, tmp_path):
    served = serve(tmp_path / "file")
    served.lock_path.unlink()
    assert served.ask(0, b"one\n") == writer.UNLOCKED
    assert (tmp_path / "file").read_bytes() == b"one\n"


@pytest.mark.parametrize(
    ("answer", "error", "trusted"),
    [
        (b"28 1", StoreFull, True),
        (b"28 0", StoreUnavailable, False),
        (b"5 1", StoreUnavailable, True),
    ],
)
def test_what_it_could_not_append_is_an_error_of_the_store(
    store, monkeypatch, answer, error, trusted
):
    begin(store, create(1))
    finish(store)
    begin(store, create(2))
    select.select([store.fileno()], [], [], 60)
    with monkeypatch.context() as patch:
        patch.setattr(Channel, "receive_now", lambda _: answer)
        with pytest.raises(error, match="cannot be written"):
            store.finish()
    assert store._ledger._journal.is_trusted is trusted
    assert set(store.load([make_id(1), make_id(2)])) == {make_id(1)}

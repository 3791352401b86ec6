"""The lmdb store that is written by a process of its own: what becomes of it, and of its errors."""

import os
import pickle
import re
import signal
from contextlib import suppress
from select import select
from socket import socketpair
from threading import Thread

import psutil
import pytest
from zope.interface.verify import verifyObject

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import INonBlockingCommit
from cookietrack_plugin.record import Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import environment, writer
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.stores.lmdb.creation import make_files
from cookietrack_plugin.stores.lmdb.tables import Tables
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.process import has_ended
from tests.support.node import wait_for


@pytest.fixture
def store(open_lmdb):
    return open_lmdb(writer_process=True)


def writers():
    """The processes that write for this one."""
    children = psutil.Process().children()
    return [each for each in children if writer.__name__ in " ".join(each.cmdline())]


def test_nobody_writes_for_a_store_that_is_only_read(store):
    store.load([make_id(1)])
    assert list(records(store)) == []
    assert writers() == []


def test_one_process_writes_for_all_stores_of_a_directory(store, open_lmdb):
    other = open_lmdb(writer_process=True)
    assert store.commit([Create(make_cookie(1))]) == [True]
    assert other.commit([Create(make_cookie(1))]) == [False]
    assert len(writers()) == 1


def test_it_ends_with_the_last_store(store, open_lmdb):
    other = open_lmdb(writer_process=True)
    store.commit([Create(make_cookie())])
    store.close()
    assert len(writers()) == 1
    other.close()
    assert writers() == []


def test_all_changes_and_their_errors_cross_over(store):
    cookie = make_cookie(1, make_auth(authextra={"numbers": [1, 2], "bytes": b"\0"}))
    assert store.commit([Create(cookie)]) == [True]
    assert store.load([cookie.id]) == {cookie.id: cookie}
    touch = Touch(cookie.id, cookie.seen + 5, cookie.expires + 5, None, "another")
    login = Authenticate(cookie.id, make_auth("jane"), cookie.seen + 6)
    nobodys = Authenticate(make_id(2), make_auth("jane"), cookie.seen)
    assert store.commit([touch, login, nobodys]) == [True, True, False]
    [found] = store.load([cookie.id]).values()
    assert (found.seen, found.expires) == (cookie.seen + 6, cookie.expires + 5)
    assert found.auth == make_auth("jane")
    assert store.commit([Delete(cookie.id), Delete(make_id(2))]) == [True, False]


@pytest.mark.parametrize("extra", [{"what": object()}, {"function": print}])
def test_what_cannot_be_stored_is_refused_before_it_is_sent(store, extra):
    with pytest.raises(ValueError, match="cannot be stored"):
        store.commit([Create(make_cookie(1, make_auth(authextra=extra)))])
    assert writers() == []


def test_a_full_store_says_so(open_lmdb):
    store = open_lmdb(writer_process=True, maxsize=2**20)
    too_many = [Create(make_cookie(number)) for number in range(20_000)]
    with pytest.raises(StoreFull, match="has reached 1048576 bytes, its limit"):
        store.commit(too_many)


def test_what_it_adds_behind_the_end_of_the_map_that_is_read_is_found(open_lmdb, monkeypatch):
    monkeypatch.setattr(environment, "FIRST_MAP", 2**20)
    store = open_lmdb(writer_process=True)
    cookies = [Create(make_cookie(number)) for number in range(20_000)]
    assert all(store.commit(cookies))
    assert store.stat()["bytes"] > 2**20
    assert len(store.load([change.id for change in cookies])) == len(cookies)


def test_a_child_that_was_killed_at_rest_fails_nobody_and_is_told_of(store, caplog):
    store.commit([Create(make_cookie(1))])
    [first] = writers()
    first.kill()
    wait_for(lambda: first.status() == psutil.STATUS_ZOMBIE, "its end")
    assert store.commit([Create(make_cookie(2))]) == [True]
    assert set(store.load([make_id(1), make_id(2)])) == {make_id(1), make_id(2)}
    assert writers() != [first]
    [told] = caplog.messages
    assert re.fullmatch(r"the process that writes .*/cookies died of SIGKILL", told)


def test_a_child_that_ends_in_order_is_not_told_of(store, caplog):
    store.commit([Create(make_cookie())])
    store.close()
    assert caplog.messages == []


def test_it_ends_with_a_process_that_is_killed(start_lmdb):
    parent = start_lmdb(writer_process=True)
    parent.open()
    parent.call("commit", [Create(make_cookie())])
    [child] = psutil.Process(parent.pid).children()
    parent.kill()
    # The process that inherits it need not wait for it.
    wait_for(lambda: has_ended(child), "its end")


class Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_after_its_death_at_work_one_write_fails_and_the_next_begins_another(store):
    store.commit([Create(make_cookie(1))])
    with pytest.raises(StoreUnavailable, match=r"the process that writes .*cookies has ended"):
        store._environment.write(2**20, False, Tables.stat, Deadly())
    assert writers() == []
    assert store.commit([Create(make_cookie(2))]) == [True]
    assert set(store.load([make_id(1), make_id(2)])) == {make_id(1), make_id(2)}


def interrupt(_):
    raise KeyboardInterrupt


def test_the_answer_to_a_call_that_was_interrupted_is_not_that_to_the_next(store, monkeypatch):
    store.commit([Create(make_cookie(1))])
    with monkeypatch.context() as patch:
        patch.setattr(Channel, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.commit([Create(make_cookie(2))])
    assert store.commit([Create(make_cookie(1)), Create(make_cookie(3))]) == [False, True]


def test_a_write_that_comes_after_the_end_begins_no_process(store):
    late = store._environment
    store.commit([Create(make_cookie())])
    store.close()
    with pytest.raises(StoreUnavailable, match="cookies is closed"):
        late.write(2**20, False, Tables.stat)
    assert writers() == []


def test_why_the_child_cannot_open_the_store_is_told(store, tmp_path):
    [data] = tmp_path.rglob("data.mdb")
    data.write_bytes(b"something else" * 1000)
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match="holds no LMDB environment that can be read"):
            store.commit([Create(make_cookie())])
    assert writers() == []


def test_signals_that_a_whole_node_gets_do_not_end_it(store):
    store.commit([Create(make_cookie(1))])
    [child] = writers()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child.send_signal(each)
    assert store.commit([Create(make_cookie(2))]) == [True]
    assert writers() == [child]


def test_where_no_process_can_be_started_the_store_is_unavailable(store, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(StoreUnavailable, match="no process can be started to write"):
        store.commit([Create(make_cookie())])


def test_one_directory_is_not_written_in_both_ways(store, open_lmdb):
    with pytest.raises(ConfigError, match=r'"writer_process" in .*, found false'):
        open_lmdb(writer_process=False)


def finish(store):
    """As the reactor does it: look when there is something to read."""
    while True:
        assert select([store.fileno()], [], [], 30)[0]
        if (applied := store.finish()) is not None:
            return applied


def fill(store):
    for start in range(1, 20_000, 50):
        assert store.begin([Create(make_cookie(number)) for number in range(start, start + 50)])
        finish(store)


class TestWithoutWaiting:
    @pytest.fixture
    def begun(self, store):
        """A store that has written, so that there is a child."""
        store.commit([Create(make_cookie(0))])
        return store

    def test_changes_are_applied_as_by_a_commit(self, begun):
        changes = [Create(make_cookie(1)), Create(make_cookie(0)), Delete(make_id(2))]
        assert begun.begin(changes)
        assert finish(begun) == [True, False, False]
        assert set(begun.load([make_id(0), make_id(1)])) == {make_id(0), make_id(1)}
        assert begun.begin([Delete(make_id(1))])
        assert finish(begun) == [True]
        assert begun.commit([Delete(make_id(1))]) == [False]

    def test_nothing_is_begun_before_there_is_a_child(self, store):
        assert not store.begin([Create(make_cookie(1))])
        assert writers() == []
        assert store.commit([Create(make_cookie(1))]) == [True]

    def test_nothing_is_begun_where_the_worker_itself_writes(self, open_lmdb):
        store = open_lmdb(writer_process=False)
        store.commit([Create(make_cookie(0))])
        assert not store.begin([Create(make_cookie(1))])
        assert store.commit([Create(make_cookie(1))]) == [True]

    def test_nothing_is_begun_of_what_is_too_much_to_be_sent_at_once(self, begun):
        large = [Create(make_cookie(1, make_auth(authextra={"text": "x" * 500_000})))]
        assert not begun.begin(large)
        assert begun.commit(large) == [True]

    def test_nothing_is_begun_while_another_store_writes(self, begun, open_lmdb):
        other = open_lmdb(writer_process=True)
        assert other.begin([Create(make_cookie(1))])
        assert not begun.begin([Create(make_cookie(1))])
        assert finish(other) == [True]
        assert begun.begin([Create(make_cookie(1))])
        assert finish(begun) == [False]

    def test_nothing_is_begun_when_the_store_is_closed(self, begun):
        begun.close()
        assert not begun.begin([Create(make_cookie(1))])

    def test_a_child_that_is_killed_at_work_fails_its_batch_and_the_next_write_has_another(
        self, begun
    ):
        [child] = writers()
        child.suspend()
        assert begun.begin([Create(make_cookie(1))])
        assert begun.finish() is None
        child.kill()
        with pytest.raises(StoreUnavailable, match=r"the process that writes .*cookies has ended"):
            finish(begun)
        assert not begun.begin([Create(make_cookie(1))])
        assert begun.commit([Create(make_cookie(1))]) == [True]
        assert child not in writers()
        assert begun.begin([Create(make_cookie(2))])
        assert finish(begun) == [True]

    def test_nothing_is_begun_by_a_child_that_was_killed_at_rest(self, begun):
        [child] = writers()
        child.kill()
        wait_for(lambda: child.status() == psutil.STATUS_ZOMBIE, "its end")
        assert not begun.begin([Create(make_cookie(1))])
        assert begun.commit([Create(make_cookie(1))]) == [True]

    def test_a_full_store_says_so_in_the_end(self, open_lmdb):
        store = open_lmdb(writer_process=True, maxsize=2**20)
        store.commit([Create(make_cookie(0))])
        with pytest.raises(StoreFull, match="has reached 1048576 bytes, its limit"):
            fill(store)
        assert store.begin([Delete(make_id(0))])
        assert finish(store) == [True]

    def test_what_cannot_be_stored_is_refused_before_anything_is_begun(self, begun):
        with pytest.raises(ValueError, match="cannot be stored"):
            begun.begin([Create(make_cookie(1, make_auth(authextra={"what": object()})))])
        assert begun.begin([Create(make_cookie(1))])
        assert finish(begun) == [True]

    def test_what_cannot_be_sent_is_refused_before_anything_is_begun(self, begun):
        changes = [Authenticate(make_id(0), make_auth(authextra={"what": print}), 5)]
        with pytest.raises(ValueError, match="cannot be stored"):
            begun.begin(changes)
        assert begun.begin([Create(make_cookie(1))])
        assert finish(begun) == [True]

    def test_the_classes_have_what_the_interface_demands(self, store):
        verifyObject(INonBlockingCommit, store)


class ChildEnvironment:
    """The far end, served by a thread of this process; each answer is awaited."""

    def __init__(self, path, parent):
        near, far = socketpair()
        self.near = Channel(near)
        self._thread = Thread(target=self._serve, args=(far,))
        self._thread.start()
        assert self.ask(parent, str(path), 2**20, False, None) == (True, None)

    def _serve(self, far):
        with far, suppress(EOFError):
            writer.serve(Channel(far))

    def ask(self, *request):
        self.near.send(pickle.dumps(request))
        return pickle.loads(self.near.receive())

    def close(self):
        self.near.close()
        self._thread.join()


@pytest.fixture
def serve(tmp_path):
    served = []

    def serve(parent=os.getppid()):  # noqa: B008 - what this process has all its life
        (tmp_path / "served").mkdir(exist_ok=True)
        make_files(str(tmp_path / "served"))
        served.append(ChildEnvironment(tmp_path / "served", parent))
        return served[-1]

    yield serve
    for each in served:
        each.close()


def fail(tables, txn):
    raise ZeroDivisionError("a defect")


def test_a_defect_is_told_to_who_asked_with_its_traceback_in_the_log(serve, capfd):
    done, error = serve().ask(2**20, False, fail, ())
    assert (done, str(error)) == (False, "a defect")
    assert "in fail" in capfd.readouterr().err


def test_an_orphan_writes_nothing_any_more(serve):
    nobody = serve(parent=-1)
    with pytest.raises(EOFError):
        nobody.ask(2**20, False, Tables.apply, (prepare([Create(make_cookie())]),))
    done, counts = serve().ask(2**20, False, Tables.stat, ())
    assert (done, counts["cookies"]) == (True, 0)

"""The lmdb store's map: it grows under those who read, and a full store keeps what it has."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread

import lmdb
import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import environment as lmdb_environment
from cookietrack_plugin.stores.lmdb import mapping as lmdb_mapping
from cookietrack_plugin.stores.lmdb.batch import prepare
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

PATIENCE = 60
MEGABYTE = 2**20


@pytest.fixture
def small_steps(monkeypatch):
    """The map starts at a megabyte and doubles, so that it grows often."""
    monkeypatch.setattr(lmdb_environment, "FIRST_MAP", MEGABYTE)
    monkeypatch.setattr(lmdb_mapping, "_GROWTH", 2)


@pytest.fixture
def open_store(open_lmdb):
    """Nothing here is about power cuts, and much about megabytes."""
    return partial(open_lmdb, sync=False)


@pytest.fixture
def other(start_lmdb):
    """The same store in another process."""
    process = start_lmdb(sync=False)
    process.open()
    return process


def big(number, size=100_000):
    return Create(make_cookie(number, make_auth(authextra={"text": "x" * size})))


def test_a_new_store_is_small_and_grows_with_its_records(small_steps, open_store):
    store = open_store()
    sizes = []
    for number in range(50):
        store.commit([big(number)])
        sizes.append(store.stat()["map_bytes"])
    assert sizes == sorted(sizes)
    assert sizes[0] < MEGABYTE
    assert 5 * MEGABYTE < sizes[-1] < 7 * MEGABYTE
    assert len(store.load([make_id(n) for n in range(50)])) == 50


def test_a_batch_larger_than_the_next_step_finds_room(small_steps, open_store):
    store = open_store()
    assert store.commit([big(n) for n in range(100)]) == [True] * 100
    assert 10 * MEGABYTE < store.stat()["map_bytes"] < 24 * MEGABYTE


def test_the_file_takes_what_its_records_need_however_large_it_may_get(open_store):
    store = open_store()
    store.commit([Create(make_cookie(n)) for n in range(100)])
    assert store.stat()["bytes"] < MEGABYTE
    assert store.stat()["maxsize"] == 128 * 2**30


def test_readers_go_on_while_the_map_moves(small_steps, open_store):
    """Guards against a map that is unmapped under a reader: that kills the process."""
    store = open_store()
    _, began = store.revoked_since(None)
    kept = [make_id(n) for n in range(20)]
    store.commit([Create(make_cookie(n, make_auth())) for n in range(20)])
    written = Event()

    def read():
        while not written.is_set():
            assert len(store.load(kept)) == 20
            assert {cookie.id for cookie in records(store, authid="joe")} == set(kept)
            store.stat()
            store.revoked_since(began)

    with ThreadPoolExecutor(3) as readers:
        reading = [readers.submit(read) for _ in range(3)]
        try:
            for number in range(1_000, 1_020):
                auth = make_auth("mary", authextra={"text": "x" * 750_000})
                store.commit(
                    [Create(make_cookie(number)), Authenticate(make_id(number), auth, NOW)]
                )
        finally:
            written.set()
        for each in reading:
            each.result(PATIENCE)
    assert store.stat()["map_bytes"] > 12 * MEGABYTE


def test_threads_that_come_and_go_read_while_the_map_moves(small_steps, open_store):
    store = open_store()
    store.commit([Create(make_cookie(1))])
    failures = []

    def read():
        if store.load([make_id(1)]) != {make_id(1): make_cookie(1)}:
            failures.append(1)

    for number in range(1_000, 1_100):
        threads = [Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        store.commit([big(number)])
        for thread in threads:
            thread.join(PATIENCE)
    assert not failures
    assert len(list(store._environment._map.gate._all)) < 10


def test_a_look_up_does_not_wait_for_a_commit(open_store):
    store = open_store()
    store.commit([Create(make_cookie(1))])
    inside, go_on = Event(), Event()

    def dawdle(tables, txn):
        tables.apply(txn, prepare([Delete(make_id(1))]))
        inside.set()
        assert go_on.wait(PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        writing = threads.submit(store._environment.write, 2**30, False, dawdle)
        assert inside.wait(PATIENCE)
        try:
            loaded = threads.submit(store.load, [make_id(1)]).result(PATIENCE)
            scanned = threads.submit(list, records(store)).result(PATIENCE)
        finally:
            go_on.set()
        writing.result(PATIENCE)
    assert list(loaded.values()) == scanned == [make_cookie(1)]
    assert store.load([make_id(1)]) == {}


def test_growth_by_another_process_is_followed_by_readers(small_steps, open_store, other):
    store = open_store()
    for number in range(50):
        other.call("commit", [big(number)])
        assert store.load([make_id(number)]) == {make_id(number): big(number).cookie}
    assert len(list(records(store))) == 50


def test_growth_by_another_process_is_followed_by_writers(small_steps, open_store, other):
    store = open_store()
    other.call("commit", [big(n) for n in range(50)])
    assert store.commit([make_touch(49), Create(make_cookie(99))]) == [True, True]
    other.call("commit", [big(n) for n in range(100, 150)])
    assert store.expire(NOW, 10) == 0
    assert store.stat()["cookies"] == 101


def test_a_look_up_follows_growth_while_our_own_writer_waits_for_another_process(
    small_steps, open_store, other, tmp_path
):
    store = open_store()
    other.call("commit", [big(n) for n in range(50)])
    turn = os.open(tmp_path / "cookies/data.mdb", os.O_RDONLY)
    fcntl.flock(turn, fcntl.LOCK_EX)
    with ThreadPoolExecutor(2) as threads:
        writing = threads.submit(store.commit, [Create(make_cookie(99))])
        try:
            reading = threads.submit(store.load, [make_id(49)])
            assert reading.result(PATIENCE) == {make_id(49): big(49).cookie}
            assert not writing.done()
        finally:
            os.close(turn)
        assert writing.result(PATIENCE) == [True]


def test_pages_that_a_killed_reader_held_are_used_again(small_steps, open_store, tmp_path):
    store = open_store()
    store.commit([big(n) for n in range(5)])
    reader = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "cookies"], stdout=subprocess.PIPE
    )
    try:
        assert reader.stdout.readline() == b"reading\n"
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
    for _ in range(100):
        store.commit([Delete(make_id(1))])
        store.commit([big(1)])
    assert store.stat()["map_bytes"] <= 4 * MEGABYTE


HOLD = """
import signal, sys
import lmdb
env = lmdb.open(sys.argv[1], max_dbs=8)
txn = env.begin()
txn.get(b"cookietrack")
print("reading", flush=True)
signal.pause()
"""


class Broken:
    """An environment after a disk error at a wrong moment."""

    def __init__(self, env):
        self._env = env

    def begin(self, *args, **kwargs):
        raise lmdb.PanicError(
            "MDB_PANIC: Update of meta page failed or environment had fatal error"
        )

    def info(self):
        return self._env.info()

    def stat(self):
        return self._env.stat()

    def reader_check(self):
        return 0

    def set_mapsize(self, size):
        self._env.set_mapsize(size)

    def close(self):
        self._env.close()


@pytest.mark.parametrize("call", ["load", "commit"])
def test_an_environment_that_refuses_everything_is_opened_anew(open_store, call):
    store = open_store()
    store.commit([Create(make_cookie(1))])
    mapped = store._environment._map
    mapped._env = Broken(mapped._env)
    with pytest.raises(StoreUnavailable, match="MDB_PANIC"):
        getattr(store, call)([] if call == "load" else [make_touch(1)])
    assert store.load([make_id(1)]) == {make_id(1): make_cookie(1)}
    assert store.commit([Delete(make_id(1))]) == [True]

"""Several stores in one directory, of one process or of many: opening, emptying, closing."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Barrier, Event, Thread

import lmdb
import pytest

from cookietrack_plugin.errors import ConfigError, StoreFull, StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import sharing as lmdb_sharing
from cookietrack_plugin.stores.lmdb.environment import Environment
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

PATIENCE = 60


@pytest.fixture
def store(open_lmdb):
    return open_lmdb()


def ids(store):
    return {cookie.id for cookie in records(store)}


def index_sizes(store):
    return store._environment.read(
        lambda tables, txn: (tables.by_authid.count(txn), tables.by_expiry.count(txn))
    )


# Stores of one process.


def test_two_stores_of_one_process_see_each_other(open_lmdb):
    one, two = open_lmdb(), open_lmdb()
    assert one.commit([Create(make_cookie(1))]) == [True]
    assert two.commit([Create(make_cookie(1)), Create(make_cookie(2))]) == [False, True]
    assert ids(one) == ids(two) == {make_id(1), make_id(2)}


def test_a_store_lives_on_when_another_of_the_process_is_closed(open_lmdb):
    one, two = open_lmdb(), open_lmdb()
    one.commit([Create(make_cookie(1))])
    one.close()
    one.close()
    assert two.load([make_id(1)]) == {make_id(1): make_cookie(1)}
    assert two.commit([Delete(make_id(1))]) == [True]


def test_a_store_is_found_by_whatever_path_leads_to_it(open_lmdb, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "cookies")
    (tmp_path / "sub").mkdir()
    stores = [open_lmdb(path=path) for path in ("cookies", "sub/../cookies", "link")]
    stores[0].commit([Create(make_cookie(1))])
    assert [ids(store) for store in stores] == [{make_id(1)}] * 3


def test_threads_that_open_one_store_at_once_share_it(open_lmdb, monkeypatch):
    """Guards against an environment that is open twice: closing one unlocks the other."""
    made = []

    class Counted(Environment):
        def __init__(self, *args):
            made.append(self)
            super().__init__(*args)

    monkeypatch.setattr(lmdb_sharing, "Environment", Counted)
    barrier = Barrier(8)

    def open_together():
        barrier.wait(PATIENCE)
        return open_lmdb()

    for round in range(1, 6):
        with ThreadPoolExecutor(8) as threads:
            opening = [threads.submit(open_together) for _ in range(8)]
        for each in opening:
            each.result(PATIENCE).close()
        assert len(made) == round


@pytest.mark.skipif(
    lmdb.__version__.startswith("2."), reason="py-lmdb 2 goes by paths and refuses the second one"
)
def test_a_directory_that_was_replaced_is_another_store(open_lmdb, tmp_path):
    old = open_lmdb()
    old.commit([Create(make_cookie(1))])
    (tmp_path / "cookies").rename(tmp_path / "moved")
    new = open_lmdb()
    new.commit([Create(make_cookie(2))])
    assert ids(new) == {make_id(2)}
    with pytest.raises(StoreUnavailable, match="is not the file that was opened"):
        old.commit([Create(make_cookie(3))])


def test_one_store_cannot_be_synchronous_and_not(open_lmdb):
    open_lmdb(sync=True)
    with pytest.raises(ConfigError) as caught:
        open_lmdb(sync=False)
    assert str(caught.value) == (
        '"sync" in the store item: expected true, as in another store item of this path,'
        " found false"
    )
    assert open_lmdb(sync=True).stat()["cookies"] == 0


def test_each_store_of_one_path_has_its_own_maxsize(open_lmdb):
    large, small = open_lmdb(maxsize=2**30), open_lmdb(maxsize=2**20)
    large.commit([Create(make_cookie(n)) for n in range(20_000)])
    assert (large.stat()["maxsize"], small.stat()["maxsize"]) == (2**30, 2**20)
    assert small.stat()["cookies"] == 20_000


# A closed store.


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.load([make_id(1)]),
        lambda store: store.commit([Create(make_cookie(1))]),
        lambda store: store.expire(NOW, 1),
        lambda store: list(records(store)),
        lambda store: store.stat(),
        lambda store: store.revoked_since(None),
    ],
    ids=["load", "commit", "expire", "page", "stat", "revoked_since"],
)
def test_a_closed_store_says_so(store, use):
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        use(store)


def test_a_walk_that_has_begun_when_the_store_is_closed_ends_in_an_error(store):
    store.commit([Create(make_cookie(n)) for n in range(1_000)])
    walk = records(store)
    next(walk)
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        list(walk)


def test_readers_are_turned_away_while_the_store_is_closed_and_opened(open_lmdb):
    """Guards against an environment that is closed under a reader: that kills the process."""
    stop, failures, current = Event(), [], [open_lmdb()]
    current[0].commit([Create(make_cookie(1))])

    def read():
        while not stop.is_set():
            try:
                if current[0].load([make_id(1)]) != {make_id(1): make_cookie(1)}:
                    failures.append("not there")
            except StoreUnavailable:
                continue

    threads = [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        current[0].close()
        current[0] = open_lmdb()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures


def test_what_was_not_synchronous_is_there_after_closing(open_lmdb):
    first = open_lmdb(sync=False)
    first.commit([Create(make_cookie(1))])
    first.close()
    assert ids(open_lmdb(sync=True)) == {make_id(1)}


# Emptying at the start.


def test_a_store_is_emptied_at_its_start_where_that_is_configured(open_lmdb):
    first = open_lmdb()
    first.commit([Create(make_cookie(1, make_auth(), expires=NOW))])
    first.close()
    second = open_lmdb(purge_on_startup=True)
    assert ids(second) == set()
    assert index_sizes(second) == (0, 0)
    assert second.commit([Create(make_cookie(1))]) == [True]


def test_a_store_that_this_process_has_open_is_not_emptied(open_lmdb):
    open_lmdb(purge_on_startup=True).commit([Create(make_cookie(1))])
    assert ids(open_lmdb(purge_on_startup=True)) == {make_id(1)}


def test_a_store_that_another_process_has_open_is_not_emptied(open_lmdb, start_lmdb):
    other = start_lmdb()
    other.open()
    other.call("commit", [Create(make_cookie(1))])
    store = open_lmdb(purge_on_startup=True)
    assert ids(store) == {make_id(1)}
    store.close()
    other.kill()
    assert ids(open_lmdb(purge_on_startup=True)) == set()


def test_a_full_store_is_emptied_too(open_lmdb):
    store = open_lmdb(maxsize=2**20, sync=False)
    numbers = count()
    for batch in (100, 1):
        with suppress(StoreFull):
            while True:
                store.commit([Create(make_cookie(next(numbers))) for _ in range(batch)])
    store.close()
    assert ids(open_lmdb(maxsize=2**20, purge_on_startup=True)) == set()


# Processes.


def test_processes_that_create_a_store_at_once_share_it(open_lmdb, start_lmdb):
    processes = [start_lmdb() for _ in range(4)]
    for process in processes:
        process.begin_to_open()
    for number, process in enumerate(processes):
        process.receive()
        assert process.call("commit", [Create(make_cookie(number))]) == [True]
    assert len(ids(open_lmdb())) == 4


def test_a_process_killed_in_the_middle_of_commits_blocks_nobody(open_lmdb, start_lmdb):
    store = open_lmdb()
    for round in range(10):
        process = start_lmdb()
        process.open()
        process.send("write", round)
        for _ in range(round):
            process.receive()
        process.kill()
        assert store.commit([Create(make_cookie(10**9 + round))]) == [True]
        assert store.load([make_id(10**9 + round)])

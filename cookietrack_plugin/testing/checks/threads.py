"""The threads that the contract names: one that writes, others that read at the same moment."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from threading import Event
from typing import Any

import pytest
from attrs import evolve

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

PATIENCE = 60
COMMITS = 200
READS = 50


class ThreadChecks(StoreCase):
    def test_every_call_may_come_from_another_thread(self, open_store: OpenStore) -> None:
        """A store that one thread opened is written, read and closed by others.

        ICookieStore: "`commit`, `expire` and `close` are called by one thread at a time."
        """
        with ExitStack() as threads:

            def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
                thread = threads.enter_context(ThreadPoolExecutor(1))
                return thread.submit(function, *args).result(PATIENCE)

            store = elsewhere(open_store)
            assert list(elsewhere(store.commit, [Create(make_cookie(1, make_auth()))])) == [True]
            assert set(elsewhere(store.load, [make_id(1)])) == {make_id(1)}
            assert len(elsewhere(lambda: list(records(store, authid="joe")))) == 1
            assert elsewhere(store.stat)["cookies"] > 0
            assert elsewhere(store.expire, NOW, 10) == 0
            elsewhere(store.close)

    def test_what_was_committed_is_seen_by_every_thread(self, store: ICookieStore) -> None:
        """A thread that has read before sees a commit as soon as it has returned.

        ICookieStore.load: "Changes whose `commit` has returned are seen."
        """
        ids = [make_id(n) for n in range(20)]
        with ThreadPoolExecutor(1) as reader:
            for number, id in enumerate(ids):
                store.commit([Create(make_cookie(number))])
                assert set(reader.submit(store.load, ids).result()) == set(ids[: number + 1])
                assert id in {each.id for each in reader.submit(list, records(store)).result()}
            store.commit([Delete(ids[0])])
            assert set(reader.submit(store.load, ids).result()) == set(ids[1:])

    def test_no_reader_sees_half_of_an_update(
        self, store: ICookieStore, frequent_switches: None
    ) -> None:
        """Two records that are always updated together are always loaded alike.

        ICookieStore: "these neither wait for a commit nor see half of one"
        """
        ids = [make_id(0), make_id(1)]
        store.commit([Create(evolve(make_cookie(), id=id)) for id in ids])

        def change(step: int) -> list[Change]:
            touches: list[Change] = [make_touch(n, seen=NOW + step) for n in (0, 1)]
            logins = [Authenticate(id, make_auth(f"user{step}"), NOW + step) for id in ids]
            return touches + logins

        for seen in _watch(store, change, ids):
            assert seen[ids[0]].seen == seen[ids[1]].seen
            assert seen[ids[0]].auth == seen[ids[1]].auth

    def test_no_reader_sees_half_of_a_coming_or_going(
        self, store: ICookieStore, frequent_switches: None
    ) -> None:
        """Two records that come and go together are loaded both or not at all.

        ICookieStore: "these neither wait for a commit nor see half of one"
        """
        ids = [make_id(0), make_id(1)]

        def change(step: int) -> list[Change]:
            return [Delete(id) if step % 2 else Create(make_cookie(int(id))) for id in ids]

        for seen in _watch(store, change, ids):
            assert len(seen) in (0, 2)

    def test_pages_and_stats_go_on_during_commits(
        self, store: ICookieStore, frequent_switches: None
    ) -> None:
        """page() and stat() on other threads raise nothing and miss nothing while one commits.

        ICookieStore: "Other threads call `load`, `page` and `stat` at the same time"
        """
        kept = {make_id(n) for n in range(300)}
        commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(300)])

        def write(step: int) -> None:
            coming = [Create(make_cookie(n)) for n in (1_000 + 2 * step, 1_001 + 2 * step)]
            store.commit([*coming, Delete(make_id(999 + 2 * step))])
            store.expire(NOW, 10)

        def read() -> None:
            assert kept <= {cookie.id for cookie in records(store)}
            assert kept == {cookie.id for cookie in records(store, authid="joe")}
            store.stat()

        _together(write, read)

    @pytest.fixture
    def frequent_switches(self) -> Iterator[None]:
        """Threads take turns a hundred times as often, so that a gap shows in a short time."""
        usual = sys.getswitchinterval()
        sys.setswitchinterval(usual / 100)
        yield
        sys.setswitchinterval(usual)


def _watch(store: ICookieStore, change: Callable[[int], list[Change]], ids: list[str]) -> list[Any]:
    """All that was loaded while one thread committed `change(0)`, `change(1)`, ..."""
    seen: list[Any] = []
    _together(lambda step: store.commit(change(step)), lambda: seen.append(store.load(ids)))
    return seen


def _together(write: Callable[[int], Any], read: Callable[[], None]) -> None:
    """One thread writes while two read, until there was enough of both, or reading has failed."""
    written, reads = Event(), list[None]()

    def keep_reading() -> None:
        while not written.is_set():
            read()
            reads.append(None)

    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(keep_reading) for _ in range(2)]
        try:
            for step in count():
                write(step)
                if (step >= COMMITS and len(reads) >= READS) or any(map(Future.done, reading)):
                    break
        finally:
            written.set()
        for each in reading:
            each.result(PATIENCE)

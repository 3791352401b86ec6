"""scan(): what it gives, filtered and whole, while others write, and in how much memory."""

import gc
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)

PATIENCE = 30
ALIKE = ["joe", "Joe", "joe ", " joe", "jo", "joey", "jöe", "joé", "%", "jo_", "j*", "joe\0", ""]
ALIKE += ["joe\ud800", "joe\udc00"]


class ScanChecks(StoreCase):
    def test_a_scan_gives_every_record_once(self, store: ICookieStore) -> None:
        """scan() gives all records, as they are stored.

        ICookieStore.scan: "Each record is given once."
        """
        cookies = [make_cookie(n, make_auth() if n % 2 else None) for n in range(2_500)]
        commit_all(store, [Create(cookie) for cookie in cookies])
        assert sorted(store.scan(), key=lambda cookie: cookie.id) == cookies

    def test_a_scan_of_an_empty_store_is_empty(self, store: ICookieStore) -> None:
        """scan() of a store without records gives none.

        ICookieStore.scan: "Iterate over all records"
        """
        assert list(store.scan()) == []
        assert list(store.scan(authid="joe")) == []

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"authid": "joe"}, {1, 2}),
            ({"authrealm": "realm1"}, {1, 3}),
            ({"authid": "joe", "authrealm": "realm1"}, {1}),
            ({"authid": "mary", "authrealm": "realm2"}, set()),
            ({"authid": "nobody"}, set()),
        ],
    )
    def test_a_scan_can_be_of_one_user_or_realm(
        self, store: ICookieStore, filters: dict[str, str], expected: set[int]
    ) -> None:
        """scan() gives those logged in as `authid`, in `authrealm`, or both, and no others.

        ICookieStore.scan: "Iterate over all records, or over those logged in as `authid` and/or in
        `authrealm`"
        """
        logins = [None, ("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1")]
        auths = [make_auth(*login) if login else None for login in logins]
        store.commit([Create(make_cookie(n, auth)) for n, auth in enumerate(auths)])
        assert _ids(store, **filters) == {make_id(n) for n in expected}

    @pytest.mark.parametrize("authid", ALIKE, ids=ascii)
    def test_users_with_names_alike_are_not_mixed_up(
        self, store: ICookieStore, authid: str
    ) -> None:
        """scan() compares `authid` and `authrealm` exactly: no case, space, accent or pattern.

        ICookieStore.scan: "which are compared character by character"
        """
        store.commit([Create(make_cookie(n, make_auth(name))) for n, name in enumerate(ALIKE)])
        store.commit(
            [Create(make_cookie(n, make_auth("x", name))) for n, name in enumerate(ALIKE, start=50)]
        )
        assert _ids(store, authid=authid) == {make_id(ALIKE.index(authid))}
        assert _ids(store, authrealm=authid) == {make_id(ALIKE.index(authid) + 50)}

    def test_a_scan_follows_the_login(self, store: ICookieStore) -> None:
        """A record is found under who it stands for now, not under who it stood for before.

        ICookieStore.scan: "Iterate over all records, or over those logged in as `authid` and/or in
        `authrealm`"
        """
        store.commit([Create(make_cookie(1, make_auth("joe", "realm1")))])
        store.commit([Authenticate(make_id(1), make_auth("mary", "realm2"), NOW)])
        assert _ids(store, authid="joe") == _ids(store, authrealm="realm1") == set()
        assert _ids(store, authid="mary") == _ids(store, authrealm="realm2") == {make_id(1)}

    def test_a_deleted_record_is_in_no_scan(self, store: ICookieStore) -> None:
        """Delete takes the record out of every scan.

        ICookieStore.scan: "Iterate over all records, or over those logged in as `authid` and/or in
        `authrealm`"
        """
        store.commit([Create(make_cookie(1, make_auth())), Create(make_cookie(2, make_auth()))])
        store.commit([Delete(make_id(1))])
        assert _ids(store, authid="joe", authrealm="realm1") == {make_id(2)}

    def test_a_scan_does_not_keep_writers_waiting(self, store: ICookieStore) -> None:
        """commit() and expire() return while a scan has only begun.

        ICookieStore.scan: "without keeping writers waiting"
        """
        store.commit([Create(make_cookie(n, make_auth())) for n in range(100)])
        scan = store.scan()
        next(scan)
        with ThreadPoolExecutor(1) as writer:
            committed = writer.submit(store.commit, [Create(make_cookie(999))])
            expired = writer.submit(store.expire, NOW, 10)
            try:
                assert list(committed.result(PATIENCE)) == [True]
                assert expired.result(PATIENCE) == 0
            finally:
                del scan

    def test_a_scan_goes_on_while_records_change(self, store: ICookieStore) -> None:
        """A scan gives each record once, old or new, and leaves none out that does not change.

        ICookieStore.scan: "One that changes during the iteration is given in one of its states or
        not at all."
        """
        first = {make_id(n): make_cookie(n, make_auth()) for n in range(3_000)}
        commit_all(store, [Create(cookie) for cookie in first.values()])
        scan, seen, last = store.scan(), [], first
        for number in range(1_000, 2_000, 10):
            seen.append(next(scan))
            changes = _changes(number)
            store.commit(changes)
            last = replay(last, changes)
        seen += scan
        assert len({cookie.id for cookie in seen}) == len(seen)
        assert all(cookie in (first.get(cookie.id), last.get(cookie.id)) for cookie in seen)
        unchanged = {id for id, cookie in first.items() if last.get(id) == cookie}
        assert unchanged <= {cookie.id for cookie in seen}

    def test_a_scan_can_be_left_half_way(self, store: ICookieStore) -> None:
        """Scans that nobody reads to their ends hold up neither commit(), load() nor close().

        ICookieStore.scan: "An iterator that is abandoned holds nothing: no lock, no transaction, no
        connection."
        """
        store.commit([Create(make_cookie(n, make_auth())) for n in range(100)])
        for filters in [(), ("joe",), (None, "realm1")] * 20:
            scan = store.scan(*filters)
            next(scan)
            del scan
        with ThreadPoolExecutor(1) as writer:
            committed = writer.submit(store.commit, [Delete(make_id(1))])
            assert list(committed.result(PATIENCE)) == [True]
            assert dict(writer.submit(store.load, [make_id(1)]).result(PATIENCE)) == {}
        store.close()

    def test_a_scan_does_not_hold_the_whole_store(self, store: ICookieStore) -> None:
        """The memory that a scan takes is a fraction of what all its records together take.

        ICookieStore.scan: "never holding the whole store in memory"
        """
        text = "x" * 300
        for start in range(0, 12_000, 1_000):
            store.commit(
                [
                    Create(make_cookie(n, make_auth(authextra={"text": f"{text}{n}"})))
                    for n in range(start, start + 1_000)
                ]
            )
        whole = _peak(lambda: len(list(store.scan())))
        assert _peak(lambda: sum(1 for _ in store.scan())) < whole / 3


def _changes(number: int) -> list[Change]:
    """Of each kind, of records next to each other; one more comes than goes."""
    return [
        Delete(make_id(number)),
        make_touch(number + 1, expires=NOW + number),
        Authenticate(make_id(number + 2), make_auth("mary"), NOW + 1),
        Create(make_cookie(number + 3_000)),
        Create(make_cookie(number + 3_001)),
    ]


def _ids(store: ICookieStore, authid: str | None = None, authrealm: str | None = None) -> set[str]:
    return {cookie.id for cookie in store.scan(authid, authrealm)}


def _peak(function: Callable[[], int]) -> int:
    """Bytes of memory that Python takes at most while `function` runs."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

"""page(): what a walk meets, its cursors, while others write, and in how much memory."""

import gc
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import OpenStore, StartProcess, StoreCase
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
FILTERS = [(), ("joe",), (None, "realm1"), ("joe", "realm1")]
NO_CURSORS = ["", "no cursor", "-1", "\0", "é", "\ud800", "x" * 10_000]
# What could be one, and what no store gives.
FOREIGN = ["00", "ff", "0" * 48, "f" * 10_000]


class PageChecks(StoreCase):
    def test_a_walk_meets_every_record_once(self, store: ICookieStore) -> None:
        """All pages together have all records, as they are stored, and none of them twice.

        ICookieStore.page: "meets each record that is there and unchanged all the while, and meets
        it once"
        """
        cookies = [make_cookie(n, make_auth() if n % 2 else None) for n in range(2_500)]
        commit_all(store, [Create(cookie) for cookie in cookies])
        assert sorted(records(store), key=lambda cookie: cookie.id) == cookies

    def test_a_walk_of_an_empty_store_meets_nothing(self, store: ICookieStore) -> None:
        """A store without records has none on its pages, and an end.

        ICookieStore.page: "and the cursor of the next page, None at the end"
        """
        assert list(records(store)) == []
        assert list(records(store, authid="joe")) == []

    @pytest.mark.parametrize("limit", [1, 2, 7, 100, 100_000])
    def test_a_page_has_no_more_than_its_limit(self, store: ICookieStore, limit: int) -> None:
        """page() gives `limit` records at most, for every `limit`, and the rest later.

        ICookieStore.page: "At most `limit` of all records, or of those logged in as `authid` and/or
        in `authrealm`"
        """
        cookies = {make_id(n): make_cookie(n, make_auth()) for n in range(50)}
        commit_all(store, [Create(cookie) for cookie in cookies.values()])
        for filters in FILTERS:
            pages = [page for page, _ in _pages(store, limit, *filters)]
            assert all(len(page) <= limit for page in pages)
            assert {cookie.id: cookie for page in pages for cookie in page} == cookies

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
    def test_a_walk_can_be_of_one_user_or_realm(
        self, store: ICookieStore, filters: dict[str, str], expected: set[int]
    ) -> None:
        """page() gives those logged in as `authid`, in `authrealm`, or both, and no others.

        ICookieStore.page: "of those logged in as `authid` and/or in `authrealm`"
        """
        logins = [None, ("joe", "realm1"), ("joe", "realm2"), ("mary", "realm1")]
        auths = [make_auth(*login) if login else None for login in logins]
        store.commit([Create(make_cookie(n, auth)) for n, auth in enumerate(auths)])
        assert _ids(store, **filters) == {make_id(n) for n in expected}

    @pytest.mark.parametrize("authid", ALIKE, ids=ascii)
    def test_users_with_names_alike_are_not_mixed_up(
        self, store: ICookieStore, authid: str
    ) -> None:
        """page() compares `authid` and `authrealm` exactly: no case, space, accent or pattern.

        ICookieStore.page: "which are compared character by character"
        """
        store.commit([Create(make_cookie(n, make_auth(name))) for n, name in enumerate(ALIKE)])
        store.commit(
            [Create(make_cookie(n, make_auth("x", name))) for n, name in enumerate(ALIKE, start=50)]
        )
        assert _ids(store, authid=authid) == {make_id(ALIKE.index(authid))}
        assert _ids(store, authrealm=authid) == {make_id(ALIKE.index(authid) + 50)}

    def test_a_walk_follows_the_login(self, store: ICookieStore) -> None:
        """A record is found under who it stands for now, not under who it stood for before.

        ICookieStore.page: "of those logged in as `authid` and/or in `authrealm`"
        """
        store.commit([Create(make_cookie(1, make_auth("joe", "realm1")))])
        store.commit([Authenticate(make_id(1), make_auth("mary", "realm2"), NOW)])
        assert _ids(store, authid="joe") == _ids(store, authrealm="realm1") == set()
        assert _ids(store, authid="mary") == _ids(store, authrealm="realm2") == {make_id(1)}

    def test_a_deleted_record_is_on_no_page(self, store: ICookieStore) -> None:
        """Delete takes the record out of every page.

        ICookieStore.page: "of those logged in as `authid` and/or in `authrealm`"
        """
        store.commit([Create(make_cookie(1, make_auth())), Create(make_cookie(2, make_auth()))])
        store.commit([Delete(make_id(1))])
        for filters in FILTERS:
            assert _ids(store, *filters) == {make_id(2)}

    def test_cursors_grow(self, store: ICookieStore) -> None:
        """Each cursor is a text, and greater than the one before it.

        ICookieStore.page: "Each is greater than the one before it, as Python compares texts"
        """
        commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(120)])
        for filters in FILTERS:
            cursors = [cursor for _, cursor in _pages(store, 1, *filters) if cursor is not None]
            assert all(isinstance(cursor, str) for cursor in cursors)
            assert cursors == sorted(set(cursors))

    def test_a_walk_goes_on_from_a_record_that_is_gone(self, store: ICookieStore) -> None:
        """A cursor is good when the records of its page have been deleted.

        ICookieStore.page: "even when the record at its place has gone"
        """
        for filters in FILTERS:
            commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(20)])
            left = {make_id(n) for n in range(20)}
            for page, _ in _pages(store, 3, *filters):
                ids = {cookie.id for cookie in page}
                assert ids <= left
                left -= ids
                store.commit([Delete(id) for id in ids])
            assert left == set()

    @pytest.mark.parametrize("cursor", NO_CURSORS, ids=lambda text: ascii(text[:10]))
    def test_a_text_that_is_no_cursor_is_refused(self, store: ICookieStore, cursor: str) -> None:
        """page() raises ValueError for a text that can be no cursor.

        ICookieStore.page: "`cursor` is no text that this store gives"
        """
        store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
        for filters in FILTERS:
            with pytest.raises(ValueError):
                store.page(cursor, 2, *filters)

    @pytest.mark.parametrize("cursor", FOREIGN, ids=lambda text: text[:10])
    def test_a_foreign_cursor_does_no_harm(self, store: ICookieStore, cursor: str) -> None:
        """page() raises ValueError for a text of another store, or gives a page of its own.

        ICookieStore.page: "`cursor` is no text that this store gives"
        """
        cookies = [make_cookie(n, make_auth()) for n in range(3)]
        store.commit([Create(cookie) for cookie in cookies])
        for filters in FILTERS:
            with suppress(ValueError):
                page, _ = store.page(cursor, 2, *filters)
                assert all(cookie in cookies for cookie in page)

    def test_nothing_is_held_between_two_pages(self, store: ICookieStore) -> None:
        """commit(), expire() and close() return while walks have only begun.

        ICookieStore.page: "Nothing is held between two pages: no lock, no transaction, no
        connection."
        """
        commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(100)])
        for filters in FILTERS * 20:
            page, cursor = store.page(None, 10, *filters)
            assert len(page) <= 10
            assert cursor is not None
        with ThreadPoolExecutor(1) as writer:
            changes: list[Change] = [Create(make_cookie(999)), Delete(make_id(1))]
            assert list(writer.submit(store.commit, changes).result(PATIENCE)) == [True, True]
            assert writer.submit(store.expire, NOW, 10).result(PATIENCE) == 0
            writer.submit(store.close).result(PATIENCE)

    def test_a_walk_goes_on_while_records_change(self, store: ICookieStore) -> None:
        """A walk meets what does not change once, and what does change in a state that it had.

        ICookieStore.page: "One that changes during the walk is met in one of its states, in
        several, or not at all."
        """
        held = {make_id(n): make_cookie(n, make_auth()) for n in range(3_000)}
        states = defaultdict(set, {id: {_key(cookie)} for id, cookie in held.items()})
        commit_all(store, [Create(cookie) for cookie in held.values()])
        unchanged, seen = set(held), []
        for number, (page, _) in enumerate(_pages(store, 30)):
            seen += page
            changes = _changes(1_000 + 10 * number)
            store.commit(changes)
            held = replay(held, changes)
            unchanged -= {change.id for change in changes}
            for id in {change.id for change in changes} & set(held):
                states[id].add(_key(held[id]))
        met = Counter(cookie.id for cookie in seen)
        assert {id: met[id] for id in unchanged} == dict.fromkeys(unchanged, 1)
        assert all(_key(cookie) in states[cookie.id] for cookie in seen)

    def test_a_page_is_made_without_looking_at_all(self, store: ICookieStore) -> None:
        """The memory that a page takes is a fraction of what all records together take.

        ICookieStore.page: "Takes time in proportion to `limit`, not to the size of the store"
        """
        text = "x" * 300
        for start in range(0, 1_500, 500):
            changes = [
                Create(make_cookie(n, make_auth(f"user{n}", authextra={"text": f"{text}{n}"})))
                for n in range(start, start + 500)
            ]
            commit_all(store, changes)
        _, middle = store.page(None, 750)
        whole = _peak(lambda: list(records(store)))
        assert _stays_below(whole / 10, lambda: store.page(middle, 10))
        assert _stays_below(whole / 10, lambda: store.page(None, 10, "user850"))
        assert _stays_below(whole / 3, lambda: sum(1 for _ in records(store, limit=100)))

    def test_a_cursor_is_good_in_every_process(
        self, store: ICookieStore, start_process: StartProcess
    ) -> None:
        """A walk that one process has begun goes on in another.

        ICookieStore.page: "in every process that has the store open"
        """
        self.need("sharing")
        commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(30)])
        process = start_process()
        process.open()
        for filters in FILTERS:
            page, cursor = store.page(None, 10, *filters)
            rest, _ = process.call("page", cursor, 30, *filters)
            assert sorted(cookie.id for cookie in [*page, *rest]) == list(map(make_id, range(30)))


class DurablePageChecks(StoreCase):
    def test_a_cursor_is_good_after_reopening(self, open_store: OpenStore) -> None:
        """A walk goes on in a store that was closed and opened again.

        ICookieStore.page: "in every process that has the store open and after it was opened again"
        """
        store = open_store()
        commit_all(store, [Create(make_cookie(n, make_auth())) for n in range(30)])
        for filters in FILTERS:
            page, cursor = store.page(None, 10, *filters)
            store.close()
            store = open_store()
            rest, _ = store.page(cursor, 30, *filters)
            assert sorted(cookie.id for cookie in [*page, *rest]) == list(map(make_id, range(30)))


def _changes(number: int) -> list[Change]:
    """Of each kind, of records next to each other; one more comes than goes."""
    return [
        Delete(make_id(number)),
        make_touch(number + 1, expires=NOW + number),
        make_touch(number + 2, expires=2 * NOW),
        Authenticate(make_id(number + 3), make_auth("mary"), NOW + 1),
        Create(make_cookie(number + 3_000)),
        Create(make_cookie(number + 3_001)),
    ]


def _key(cookie: Cookie) -> str:
    """A state of a record as something that a set can have."""
    return repr(cookie)


def _pages(
    store: ICookieStore, limit: int, authid: str | None = None, authrealm: str | None = None
) -> Iterator[tuple[list[Cookie], str | None]]:
    """All pages, each with the cursor of the next."""
    cursor: str | None = None
    while True:
        page, cursor = store.page(cursor, limit, authid, authrealm)
        yield list(page), cursor
        if cursor is None:
            return


def _ids(store: ICookieStore, authid: str | None = None, authrealm: str | None = None) -> set[str]:
    return {cookie.id for cookie in records(store, authid, authrealm)}


def _stays_below(bound: float, function: Callable[[], object]) -> bool:
    """Whether it takes less memory, once at least: other threads take some now and then."""
    return any(_peak(function) < bound for _ in range(3))


def _peak(function: Callable[[], object]) -> int:
    """Bytes of memory that Python takes at most while `function` runs."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

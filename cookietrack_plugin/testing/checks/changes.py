"""The four changes, one at a time: what they do, and where they do not apply."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from attrs import evolve

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
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

UPDATES = [
    Authenticate(make_id(1), make_auth(), NOW + 2),
    make_touch(1),
]
LATE = [
    Authenticate(make_id(1), make_auth(), NOW - 1),
    make_touch(1, seen=NOW - 1),
    make_touch(1, expires=NOW),
]

NO_IDS = ["", "é", "\0", "\ud800", "a", make_id(0) + "0", make_id(1)[1:], "é" * 24, "x" * 10_000]
NO_IDS += ["\ud800" * 24, make_id(1) + "\n", " " + make_id(1), make_id(1)[1:] + "=", "%" * 24]


class ChangeChecks(StoreCase):
    def test_a_created_record_is_loaded_as_it_was(self, store: ICookieStore) -> None:
        """load() gives back what Create stored, every field of it.

        ICookieStore.load: "The records of those `ids` that are there, by id"
        """
        cookie = make_cookie(1, make_auth(authextra={"a": 1}))
        assert _bools(store, Create(cookie)) == [True]
        assert dict(store.load([cookie.id])) == {cookie.id: cookie}

    def test_a_collision_overwrites_nothing(self, store: ICookieStore) -> None:
        """Create of an id that exists does not apply, and alters nothing.

        Create: "Does not apply where the id exists: a collision is never overwritten."
        """
        cookie = make_cookie(1, make_auth())
        store.commit([Create(cookie)])
        assert _bools(store, Create(evolve(cookie, auth=None, expires=NOW))) == [False]
        assert dict(store.load([cookie.id])) == {cookie.id: cookie}

    @pytest.mark.parametrize("change", UPDATES, ids=["login", "touch"])
    def test_an_update_does_what_the_contract_says(
        self, store: ICookieStore, change: Change
    ) -> None:
        """Authenticate and Touch set the fields that they name, and no other.

        Authenticate: "Set who the cookie stands for, and `seen` to `at` if that is later."
        """
        cookie = make_cookie(1, make_auth("mary", authextra={"a": 1}))
        store.commit([Create(cookie)])
        assert _bools(store, change) == [True]
        assert dict(store.load([cookie.id])) == replay({cookie.id: cookie}, [change])

    @pytest.mark.parametrize("change", LATE, ids=["login", "seen", "expires"])
    def test_an_update_takes_no_time_back(self, store: ICookieStore, change: Change) -> None:
        """`seen` only grows by Authenticate and Touch, `expires` only grows by Touch.

        Touch: "`seen` and `expires` only grow by it: a worker whose record is older takes nothing
        back."
        """
        cookie = make_cookie(1)
        store.commit([Create(cookie)])
        assert _bools(store, change) == [True]
        found = store.load([cookie.id])[cookie.id]
        assert (found.seen, found.expires) == (NOW + 1, cookie.expires)
        assert {cookie.id: found} == replay({cookie.id: cookie}, [change])

    @pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
    @pytest.mark.parametrize("size", [1, 3], ids=["one by one", "at once"])
    def test_touches_take_nothing_back_in_any_order(
        self, store: ICookieStore, order: Sequence[int], size: int
    ) -> None:
        """The latest `seen` and `expires` of several touches count, and the sweep goes by them.

        Touch: "`seen` and `expires` only grow by it: a worker whose record is older takes nothing
        back."
        """
        store.commit([Create(make_cookie(1, expires=NOW + 10))])
        touches = [
            make_touch(1, expires=NOW + 30, seen=NOW + 2),
            make_touch(1, expires=NOW + 20, seen=NOW + 3),
            make_touch(1, expires=NOW, seen=NOW - 5),
        ]
        changes = [touches[number] for number in order]
        for start in range(0, len(changes), size):
            store.commit(changes[start : start + size])
            assert store.expire(NOW, 10) == 0
        found = store.load([make_id(1)])[make_id(1)]
        assert (found.seen, found.expires) == (NOW + 3, NOW + 30)
        assert store.expire(NOW + 29, 10) == 0
        assert store.expire(NOW + 30, 10) == 1

    @pytest.mark.parametrize("text", NO_IDS, ids=lambda text: ascii(text[:10]))
    def test_a_text_that_is_no_id_is_absent(self, store: ICookieStore, text: str) -> None:
        """load() leaves a text out that is no id, and no change of one applies or does harm.

        interfaces: "A text that is no id is the id of no record: it is absent for `load`, and for
        every change but `Create`."
        """
        store.commit([Create(make_cookie(1, make_auth()))])
        assert set(store.load([text, make_id(1)])) == {make_id(1)}
        assert dict(store.load([text])) == {}
        for change in (
            Delete(text),
            evolve(make_touch(1), id=text),
            Authenticate(text, make_auth(), NOW),
        ):
            assert _bools(store, change, make_touch(1)) == [False, True]
        assert _all(store) == {make_id(1)}

    @pytest.mark.parametrize("change", UPDATES, ids=["login", "touch"])
    def test_an_update_brings_no_record_into_being(
        self, store: ICookieStore, change: Change
    ) -> None:
        """Authenticate and Touch of an id that never was do not apply, and store nothing.

        Touch: "Does not apply where the id is absent: an update never revives."
        """
        assert _bools(store, change) == [False]
        assert _all(store) == set()

    @pytest.mark.parametrize("change", UPDATES, ids=["login", "touch"])
    def test_an_update_revives_no_record(self, store: ICookieStore, change: Change) -> None:
        """Authenticate and Touch of an id that was deleted do not apply: gone is gone.

        ICookieStore.commit: "updates never bring a record back"
        """
        store.commit([Create(make_cookie(1, make_auth()))])
        store.commit([Delete(make_id(1))])
        assert _bools(store, change) == [False]
        assert _all(store) == set()

    def test_a_deleted_record_is_gone(self, store: ICookieStore) -> None:
        """Delete removes the record, and leaves the others where they are.

        Delete: "Remove the record."
        """
        store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
        assert _bools(store, Delete(make_id(1))) == [True]
        assert _all(store) == {make_id(0), make_id(2)}

    def test_delete_is_idempotent(self, store: ICookieStore) -> None:
        """Delete of an id that is absent does not apply, and is no error.

        Delete: "Idempotent: where the id is absent it does not apply and does no harm."
        """
        assert _bools(store, Delete(make_id(1))) == [False]
        store.commit([Create(make_cookie(1))])
        assert _bools(store, Delete(make_id(1))) == [True]
        assert _bools(store, Delete(make_id(1))) == [False]

    def test_a_deleted_id_can_be_created_again(self, store: ICookieStore) -> None:
        """Create after Delete applies, and nothing of the old record is left in the new one.

        Delete: "Remove the record."
        """
        store.commit([Create(make_cookie(1, make_auth()))])
        store.commit([Delete(make_id(1))])
        assert _bools(store, Create(make_cookie(1))) == [True]
        assert dict(store.load([make_id(1)])) == {make_id(1): make_cookie(1)}
        assert list(records(store, authid="joe")) == []

    def test_loading_nothing_finds_nothing(self, store: ICookieStore) -> None:
        """load() of no ids, and of absent ones, is an empty mapping.

        ICookieStore.load: "Absent and undecodable ones are left out."
        """
        assert dict(store.load([])) == {}
        assert dict(store.load([make_id(1), make_id(2)])) == {}

    def test_absent_ids_are_left_out(self, store: ICookieStore) -> None:
        """load() of some that are there and some that are not has those that are, once each.

        ICookieStore.load: "Absent and undecodable ones are left out."
        """
        store.commit([Create(make_cookie(1))])
        assert dict(store.load([make_id(0), make_id(1), make_id(1)])) == {
            make_id(1): make_cookie(1)
        }

    def test_many_ids_are_loaded_at_once(self, store: ICookieStore) -> None:
        """load() takes thousands of ids in one call.

        ICookieStore.load: "There can be thousands of `ids`."
        """
        cookies = {make_id(n): make_cookie(n) for n in range(3_000)}
        commit_all(store, [Create(cookie) for cookie in cookies.values()])
        assert dict(store.load([make_id(n) for n in range(6_000)])) == cookies

    def test_ids_that_differ_in_case_are_two(self, store: ICookieStore) -> None:
        """`a` and `A` are different ids, in spite of an engine's collation.

        interfaces: "An id is 24 characters of base64url."
        """
        lower, upper = (evolve(make_cookie(), id=letter * 24) for letter in "aA")
        assert _bools(store, Create(lower), Create(upper)) == [True, True]
        store.commit([Delete(lower.id)])
        assert dict(store.load([lower.id, upper.id])) == {upper.id: upper}


def _bools(store: ICookieStore, *changes: Change) -> list[bool]:
    """What commit() returns, if it is truth values: 1 is equal to True and yet is none."""
    results = list(store.commit(changes))
    assert all(isinstance(result, bool) for result in results)
    return results


def _all(store: ICookieStore) -> set[str]:
    return {cookie.id for cookie in records(store)}

"""Several changes in one commit: in order, and all or none."""

import threading
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.bulk import fill, max_changes_of
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)

# Deeper than the interpreter calls itself.
DEEP: Any = []
for _ in range(2_000):
    DEEP = [DEEP]


class BatchChecks(StoreCase):
    def test_an_empty_batch_is_no_error(self, store: ICookieStore) -> None:
        """commit() of no changes returns no results.

        ICookieStore.commit: "Without changes it returns an empty sequence."
        """
        assert list(store.commit([])) == []

    def test_each_change_has_its_result(self, store: ICookieStore) -> None:
        """commit() returns one truth value for each change, in the order of the changes.

        ICookieStore.commit: "for each change whether it applied."
        """
        store.commit([Create(make_cookie(1))])
        creates = [Create(make_cookie(n)) for n in range(3)]
        changes: list[Change] = [*creates, Delete(make_id(9)), make_touch(1)]
        assert list(store.commit(changes)) == [True, False, True, False, True]

    def test_changes_of_one_record_apply_in_order(self, store: ICookieStore) -> None:
        """A change sees what the changes before it in the same batch did.

        ICookieStore.commit: "an id that is absent at that point of the sequence"
        """
        login = Authenticate(make_id(1), make_auth(), NOW + 5)
        changes: list[Change] = [
            login,
            Create(make_cookie(1)),
            Create(make_cookie(1, make_auth("mary"))),
            login,
            make_touch(1),
            Delete(make_id(1)),
            login,
            Delete(make_id(1)),
            Create(make_cookie(1)),
            make_touch(1, seen=NOW + 9),
        ]
        expected = [False, True, False, True, True, True, False, False, True, True]
        assert list(store.commit(changes)) == expected
        assert dict(store.load([make_id(1)])) == replay({}, changes)

    def test_a_record_that_comes_and_goes_in_one_batch_leaves_nothing(
        self, store: ICookieStore
    ) -> None:
        """Create and Delete in one batch leave no record, and none in any index.

        ICookieStore.commit: "Apply `changes` in order, all or none"
        """
        store.commit([Create(make_cookie(1, make_auth(), expires=NOW)), Delete(make_id(1))])
        assert dict(store.load([make_id(1)])) == {}
        assert list(records(store, authid="joe")) == []
        assert store.expire(NOW, 10) == 0

    def test_a_change_that_does_not_apply_holds_up_no_other(self, store: ICookieStore) -> None:
        """A batch goes on behind a change that does not apply.

        ICookieStore.commit: "Such a change alters nothing and is no error"
        """
        changes: list[Change] = [make_touch(1), Create(make_cookie(2)), Delete(make_id(3))]
        assert list(store.commit(changes)) == [False, True, False]
        assert set(store.load([make_id(2)])) == {make_id(2)}

    def test_a_large_batch_applies(self, store: ICookieStore) -> None:
        """commit() takes 1024 changes, or as many as `IBatchLimit` says.

        ICookieStore.commit: "There are 1024 changes at most, fewer where the store provides
        `IBatchLimit`."
        """
        size = max_changes_of(store)
        store.commit([Create(make_cookie(n)) for n in range(0, size, 2)])
        results = store.commit([Create(make_cookie(n)) for n in range(size)])
        assert list(results) == [n % 2 == 1 for n in range(size)]

    @pytest.mark.parametrize(
        "authextra",
        [{"lock": threading.Lock()}, {"text": "\ud800"}, {"deep": DEEP}],
        ids=["object", "lone-surrogate", "too-deep"],
    )
    def test_what_cannot_be_stored_spoils_the_whole_batch(
        self, store: ICookieStore, authextra: dict[str, object]
    ) -> None:
        """commit() raises ValueError for what it cannot encode, and applies nothing of it.

        interfaces: "What a store cannot encode raises `ValueError` from `commit`, and nothing of
        that batch is applied."
        """
        store.commit([Create(make_cookie(0))])
        before = dict(store.load([make_id(0)]))
        changes: list[Change] = [
            Create(make_cookie(1)),
            Delete(make_id(0)),
            Create(make_cookie(2, make_auth(authextra=authextra))),
            Create(make_cookie(3)),
        ]
        try:
            store.commit(changes)
        except ValueError:
            assert dict(store.load([make_id(n) for n in range(4)])) == before
            assert list(store.commit([Create(make_cookie(1))])) == [True]
        else:
            assert set(store.load([make_id(n) for n in range(4)])) == {
                make_id(n) for n in (1, 2, 3)
            }

    def test_a_batch_that_finds_no_room_applies_nothing(self, cramped_store: ICookieStore) -> None:
        """commit() raises StoreFull where there is no room, and nothing of the batch is stored.

        ICookieStore.commit: "none was applied; there is no room."
        """
        last = fill(cramped_store, first=0)
        assert dict(cramped_store.load([change.id for change in last])) == {}
        assert set(cramped_store.load([make_id(0), make_id(1)])) == {make_id(0), make_id(1)}

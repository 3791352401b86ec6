"""A record whose bytes cannot be decoded counts as absent, and harms nobody else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

DAMAGED = make_id(1)


class DamageChecks(StoreCase):
    @pytest.fixture
    def damaged_store(
        self, open_store: OpenStore, store_options: Mapping[str, Any], node_dir: Path
    ) -> ICookieStore:
        """Five records of which the second cannot be decoded."""
        self.need("damage")
        store = open_store()
        store.commit([Create(make_cookie(n, make_auth(), expires=NOW)) for n in range(5)])
        store.close()
        self.damage(store_options, node_dir, DAMAGED)
        return open_store()

    def test_it_is_not_loaded(self, damaged_store: ICookieStore) -> None:
        """load() leaves an undecodable record out, and gives the others.

        ICookieStore: "A record whose bytes cannot be decoded counts as absent for `load` and
        `page`"
        """
        loaded = damaged_store.load([make_id(n) for n in range(5)])
        assert set(loaded) == {make_id(n) for n in (0, 2, 3, 4)}

    def test_it_is_on_no_page(self, damaged_store: ICookieStore) -> None:
        """page() passes an undecodable record over, and gives the others.

        ICookieStore: "A record whose bytes cannot be decoded counts as absent for `load` and
        `page`"
        """
        expected = {make_id(n) for n in (0, 2, 3, 4)}
        assert {cookie.id for cookie in records(damaged_store)} == expected
        assert {cookie.id for cookie in records(damaged_store, authid="joe")} == expected

    def test_it_is_not_updated(self, damaged_store: ICookieStore) -> None:
        """Authenticate and Touch of an undecodable record do not apply; their batch does.

        ICookieStore: "cannot be updated"
        """
        updates: list[Change] = [
            Authenticate(DAMAGED, make_auth(), NOW),
            make_touch(1),
            make_touch(2),
        ]
        assert list(damaged_store.commit(updates)) == [False, False, True]
        assert dict(damaged_store.load([DAMAGED])) == {}

    def test_it_can_be_deleted(self, damaged_store: ICookieStore) -> None:
        """Delete of an undecodable record makes room for a new one of the same id.

        ICookieStore: "A record whose bytes cannot be decoded counts as absent for `load` and
        `page`, cannot be updated, can be deleted, and never makes a method fail."
        """
        changes: list[Change] = [Delete(DAMAGED), Create(make_cookie(1))]
        assert list(damaged_store.commit(changes))[1] is True
        assert dict(damaged_store.load([DAMAGED])) == {DAMAGED: make_cookie(1)}

    def test_it_does_not_stop_the_sweep(self, damaged_store: ICookieStore) -> None:
        """expire() and stat() do their work around an undecodable record.

        ICookieStore: "never makes a method fail"
        """
        assert damaged_store.expire(NOW, 10) in (4, 5)
        assert damaged_store.expire(NOW, 10) == 0
        assert list(records(damaged_store)) == []
        assert damaged_store.stat()["cookies"] in (0, 1)

    def test_it_does_not_stop_a_revocation(self, damaged_store: Any) -> None:
        """revoke_user() does its work around an undecodable record, or deletes it too.

        ICookieStore: "never makes a method fail"
        """
        self.need_interface("user_revocation", damaged_store, IUserRevocation)
        assert damaged_store.revoke_user("joe", "realm1", {make_id(0)}) in (3, 4)
        assert damaged_store.revoke_user(None, None) in (1, 2)
        assert list(records(damaged_store)) == []

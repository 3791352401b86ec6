"""What a durable store was given is there when it is opened again."""

from collections.abc import Sequence
from typing import Any

from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import (
    NOW,
    make_auth,
    make_cookie,
    make_id,
    make_touch,
    replay,
)


class ReopenChecks(StoreCase):
    def test_a_durable_commit_blocks(self, store: ICookieStore) -> None:
        """commits_block is True: what survives a power cut has waited for a disk or a server.

        ICookieStore.commits_block: "True when commit() can wait"
        """
        assert store.commits_block is True

    def test_records_are_there_again(self, open_store: OpenStore) -> None:
        """Records, logins and touches survive close() and open(), in every field.

        ICookieStore.commit: "when it returns they survive kill -9 and a power cut"
        """
        changes: list[Change] = [
            Create(make_cookie(n, make_auth(authextra={"n": n}))) for n in range(3)
        ]
        changes += [Create(make_cookie(3))]
        updates: list[Change] = [
            make_touch(1),
            Authenticate(make_id(3), make_auth("mary"), NOW + 3),
        ]
        self._commit(open_store, changes)
        self._commit(open_store, updates)
        expected = replay({}, [*changes, *updates])
        store = open_store()
        assert dict(store.load(list(expected))) == expected
        assert {cookie.id: cookie for cookie in records(store)} == expected
        assert [cookie.id for cookie in records(store, authid="mary")] == [make_id(3)]

    def test_a_deleted_record_stays_gone(self, open_store: OpenStore) -> None:
        """A delete survives close() and open(), and updates still do not apply.

        ICookieStore.commit: "when it returns they survive kill -9 and a power cut"
        """
        self._commit(open_store, [Create(make_cookie(n, make_auth())) for n in (1, 2)])
        self._commit(open_store, [Delete(make_id(1))])
        store = open_store()
        assert [cookie.id for cookie in records(store)] == [make_id(2)]
        assert list(store.commit([make_touch(1), Delete(make_id(1))])) == [False, False]

    def test_a_change_of_owner_lasts(self, open_store: OpenStore) -> None:
        """An Authenticate of another identity survives close() and open().

        ICookieStore.commit: "when it returns they survive kill -9 and a power cut"
        """
        self._commit(open_store, [Create(make_cookie(1, make_auth()))])
        self._commit(open_store, [Authenticate(make_id(1), make_auth("mary"), NOW)])
        store = open_store()
        assert store.load([make_id(1)])[make_id(1)].auth == make_auth("mary")
        assert list(records(store, authid="joe")) == []

    def test_a_revocation_of_a_user_lasts(self, store: Any, open_store: OpenStore) -> None:
        """What revoke_user() has deleted does not come back with close() and open().

        IUserRevocation.revoke_user: "Delete every record that is logged in as `authid` in
        `authrealm`, durably."
        """
        self.need_interface("user_revocation", store, IUserRevocation)
        store.commit([Create(make_cookie(n, make_auth())) for n in (1, 2)])
        store.commit([Create(make_cookie(3, make_auth("mary")))])
        assert store.revoke_user("joe", "realm1", {make_id(2)}) == 1
        store.close()
        assert {cookie.id for cookie in records(open_store())} == {make_id(2), make_id(3)}

    def test_expired_records_stay_gone(self, open_store: OpenStore) -> None:
        """What expire() has deleted does not come back; what it has not can still expire.

        ICookieStore.expire: "Delete at most `limit` records with `expires <= now` (milliseconds),
        durably."
        """
        self._commit(open_store, [Create(make_cookie(n, expires=NOW + n)) for n in range(4)])
        store = open_store()
        assert store.expire(NOW + 1, 10) == 2
        store.close()
        store = open_store()
        assert {cookie.id for cookie in records(store)} == {make_id(2), make_id(3)}
        assert store.expire(NOW + 2, 10) == 1

    def test_a_collision_is_found_after_reopening(self, open_store: OpenStore) -> None:
        """Create of an id that was stored before close() does not apply.

        ICookieStore.commit: "It does not for a `Create` of an id that exists"
        """
        self._commit(open_store, [Create(make_cookie(1, make_auth()))])
        assert list(open_store().commit([Create(make_cookie(1))])) == [False]

    def _commit(self, open_store: OpenStore, changes: Sequence[Change]) -> None:
        store = open_store()
        store.commit(changes)
        store.close()

"""Deletions succeed in a store without room."""

from typing import Any

import pytest

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import Change, Create, Delete
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import DAY, NOW, make_auth, make_cookie, make_id

IDS = [make_id(n) for n in range(10)]


class FullnessChecks(StoreCase):
    def test_everybody_can_log_out_when_there_is_no_room(self, full_store: ICookieStore) -> None:
        """Deletions succeed in a full store, one at a time and several at once.

        ICookieStore.commit: "A batch of deletions alone is applied all the same"
        """
        assert list(full_store.commit([Delete(IDS[0])])) == [True]
        several: list[Change] = [Delete(id) for id in IDS[:9]]
        assert list(full_store.commit(several)) == [False] + [True] * 8
        assert set(full_store.load(IDS)) == {IDS[9]}

    def test_a_user_can_be_revoked_when_there_is_no_room(self, full_store: Any) -> None:
        """revoke_user() succeeds in a full store.

        ICookieStore.commit: "and so are `expire` and `IUserRevocation.revoke_user`"
        """
        self.need_interface("user_revocation", full_store, IUserRevocation)
        assert full_store.revoke_user("joe", "realm1") == 10
        assert dict(full_store.load(IDS)) == {}

    def test_what_has_expired_goes_when_there_is_no_room(self, full_store: ICookieStore) -> None:
        """expire() frees a full store.

        ICookieStore.commit: "and so are `expire` and `IUserRevocation.revoke_user`"
        """
        while full_store.expire(NOW + DAY, 10) == 10:
            pass
        assert dict(full_store.load(IDS)) == {}
        assert full_store.stat()["cookies"] == 0

    def test_there_is_room_again_after_deletions(self, full_store: ICookieStore) -> None:
        """What was deleted makes room for new records, at the latest a few commits later.

        ICookieStore.commit: "none was applied; there is no room"
        """
        while full_store.expire(NOW + DAY, 10) == 10:
            pass
        change = Create(make_cookie(1, make_auth()))
        for _ in range(5):
            try:
                assert list(full_store.commit([change])) == [True]
            except StoreFull:
                continue
            assert dict(full_store.load([change.id])) == {change.id: change.cookie}
            return
        pytest.fail("an empty store is still full")

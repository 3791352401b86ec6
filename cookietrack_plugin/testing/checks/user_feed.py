"""IUserRevocation with IRevocationFeed: how other processes learn of revoked users. Optional."""

from typing import Any

import pytest

from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed, IUserRevocation
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.checks.sharing import SharedCase
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id

# As many parts as an engine may keep a feed in, each of which gets an entry.
MAX_ENTRIES = 256
NAMES = [("joe", "realm1"), ("joe", None), (None, "realm1"), (None, None), ("nobody\ud800", "\0")]


class UserFeedChecks(SharedCase):
    @pytest.fixture
    def user_feed(self, store: ICookieStore) -> Any:
        """A store with both powers."""
        self.need_interface("feed", store, IRevocationFeed)
        self.need_interface("user_revocation", store, IUserRevocation)
        store.commit([Create(make_cookie(n, make_auth())) for n in range(3)])
        return store

    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_a_revoked_user_is_reported(
        self, user_feed: Any, name: tuple[str | None, str | None]
    ) -> None:
        """The feed has a UserRevoked with the same user and `keep`, with or without records.

        IUserRevocation.revoke_user: "With `IRevocationFeed`, the feed has one entry of it, a
        `UserRevoked`, even where there was no record"
        """
        for keep in (frozenset[str](), frozenset({make_id(1), make_id(99)})):
            _, cursor = user_feed.revoked_since(None)
            user_feed.revoke_user(*name, keep)
            entries = list(user_feed.revoked_since(cursor)[0])
            assert _users(entries) == {UserRevoked(*name, keep)}
            assert _ids(entries) <= {make_id(n) for n in range(3)} - keep

    def test_users_and_ids_are_reported_together(self, user_feed: Any) -> None:
        """Deletions, changes of owner and revoked users are all in one feed, past any page of it.

        IRevocationFeed.revoked_since: "Nothing is left out"
        """
        commit_all(user_feed, [Create(make_cookie(n)) for n in range(100, 2_100)])
        _, cursor = user_feed.revoked_since(None)
        gone = [make_id(n) for n in range(100, 2_100)]
        user_feed.revoke_user("nobody", "realm1")
        commit_all(user_feed, [Delete(id) for id in gone])
        user_feed.commit([Authenticate(make_id(1), make_auth("mary"), NOW)])
        user_feed.revoke_user("nobody", "realm2")
        entries = list(user_feed.revoked_since(cursor)[0])
        assert _ids(entries) == {*gone, make_id(1)}
        assert _users(entries) == {UserRevoked("nobody", "realm1"), UserRevoked("nobody", "realm2")}

    def test_revoked_users_are_reported_to_every_process(
        self, user_feed: Any, other: StoreProcess
    ) -> None:
        """Every process can read every revocation of a user once it has returned.

        IRevocationFeed.revoked_since: "What was revoked since `cursor`, by any process"
        """
        _, mine = user_feed.revoked_since(None)
        _, theirs = other.call("revoked_since", None)
        other.call("revoke_user", "joe", "realm1", {make_id(1)})
        expected = {UserRevoked("joe", "realm1", frozenset({make_id(1)}))}
        assert _users(user_feed.revoked_since(mine)[0]) == expected
        assert _users(other.call("revoked_since", theirs)[0]) == expected
        assert set(user_feed.load([make_id(n) for n in range(3)])) == {make_id(1)}

    def test_a_user_with_thousands_of_records_is_reported_in_one_entry(
        self, user_feed: Any
    ) -> None:
        """However many records are deleted, the feed has one entry, or one for each part of it.

        IUserRevocation.revoke_user: "the feed has one entry of it"
        """
        commit_all(user_feed, [Create(make_cookie(n, make_auth())) for n in range(100, 10_100)])
        _, cursor = user_feed.revoked_since(None)
        assert user_feed.revoke_user("joe", "realm1") == 10_003
        entries = list(user_feed.revoked_since(cursor)[0])
        assert set(entries) == {UserRevoked("joe", "realm1")}
        assert len(entries) <= MAX_ENTRIES


def _users(entries: Any) -> set[UserRevoked]:
    return {entry for entry in entries if isinstance(entry, UserRevoked)}


def _ids(entries: Any) -> set[str]:
    return {entry for entry in entries if isinstance(entry, str)}

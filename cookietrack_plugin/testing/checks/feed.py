"""IRevocationFeed: how processes that share a store learn of each other's revocations."""

from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

import pytest

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed, IRevocationSignal
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.testing.bulk import commit_all
from cookietrack_plugin.testing.case import OpenStore
from cookietrack_plugin.testing.checks.sharing import SharedCase
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

# Seconds for which a thread may go on waiting that should not.
PATIENCE = 30
# Positions of no feed.
FOREIGN: Sequence[Any] = ["nonsense", 10**30, ("no", "position"), {"no": "position"}]


class FeedChecks(SharedCase):
    @pytest.fixture
    def feed(self, store: Any) -> IRevocationFeed:
        self.need_interface("feed", store, IRevocationFeed)
        store.commit([Create(make_cookie(n, make_auth())) for n in range(5)])
        return store

    def test_a_new_cursor_reports_nothing_of_the_past(
        self, feed: IRevocationFeed, store: ICookieStore
    ) -> None:
        """revoked_since(None) gives a cursor and no ids.

        IRevocationFeed.revoked_since: "or None for "from now on"."
        """
        store.commit([Delete(make_id(1))])
        ids, cursor = feed.revoked_since(None)
        assert list(ids) == []
        assert list(feed.revoked_since(cursor)[0]) == []

    def test_deletions_are_reported(self, feed: IRevocationFeed, store: ICookieStore) -> None:
        """revoked_since() gives the ids that were deleted, and no others.

        IRevocationFeed.revoked_since: "the ids of records that were deleted or whose login became
        another identity's"
        """
        _, cursor = feed.revoked_since(None)
        store.commit([Delete(make_id(1)), Create(make_cookie(9, make_auth())), make_touch(3)])
        assert set(feed.revoked_since(cursor)[0]) == {make_id(1)}

    def test_a_change_of_owner_is_reported(
        self, feed: IRevocationFeed, store: ICookieStore
    ) -> None:
        """revoked_since() gives the ids whose login became another identity's, and no others.

        IRevocationFeed.revoked_since: "the ids of records that were deleted or whose login became
        another identity's"
        """
        store.commit([Create(make_cookie(9))])
        _, cursor = feed.revoked_since(None)
        same = make_auth(authextra={"another": "extra"})
        mary, elsewhere = make_auth("mary"), make_auth("joe", "realm2")
        logins = [(1, mary), (2, elsewhere), (3, same), (4, mary), (4, make_auth()), (9, mary)]
        store.commit([Authenticate(make_id(n), auth, NOW) for n, auth in logins])
        assert set(feed.revoked_since(cursor)[0]) == {make_id(n) for n in (1, 2, 4)}

    def test_a_cursor_moves_on(self, feed: IRevocationFeed, store: ICookieStore) -> None:
        """From a cursor the feed reports what came after it, and nothing from before.

        IRevocationFeed.revoked_since: "a position, as the last call gave it"
        """
        _, first = feed.revoked_since(None)
        store.commit([Delete(make_id(1))])
        _, second = feed.revoked_since(first)
        store.commit([Delete(make_id(2))])
        assert set(feed.revoked_since(second)[0]) == {make_id(2)}

    def test_reading_a_feed_is_idempotent(self, feed: IRevocationFeed, store: ICookieStore) -> None:
        """The same cursor gives the same, and more when more has happened.

        IRevocationFeed.revoked_since: "On any thread but the reactor's. Idempotent."
        """
        _, cursor = feed.revoked_since(None)
        store.commit([Delete(make_id(1))])
        assert set(feed.revoked_since(cursor)[0]) == {make_id(1)}
        store.commit([Delete(make_id(2))])
        assert set(feed.revoked_since(cursor)[0]) == {make_id(1), make_id(2)}

    def test_many_revocations_are_all_reported(
        self, feed: IRevocationFeed, store: ICookieStore
    ) -> None:
        """Thousands of revocations between two calls: nothing is left out.

        IRevocationFeed.revoked_since: "Nothing is left out; something may come twice."
        """
        commit_all(store, [Create(make_cookie(n)) for n in range(100, 3_100)])
        _, cursor = feed.revoked_since(None)
        ids = [make_id(n) for n in range(100, 3_100)]
        commit_all(store, [Delete(id) for id in ids])
        assert set(feed.revoked_since(cursor)[0]) == set(ids)

    def test_revocations_by_other_processes_are_reported(
        self, feed: IRevocationFeed, other: StoreProcess
    ) -> None:
        """Every process can read every revocation once its commit has returned.

        IRevocationFeed.revoked_since: "What was revoked since `cursor`, by any process"
        """
        _, cursor = feed.revoked_since(None)
        _, theirs = other.call("revoked_since", None)
        other.call("commit", [Delete(make_id(1)), _login(2, "mary")])
        assert set(feed.revoked_since(cursor)[0]) == {make_id(1), make_id(2)}
        assert set(other.call("revoked_since", theirs)[0]) == {make_id(1), make_id(2)}

    def test_revocations_while_it_was_closed_are_reported_or_refused(
        self, feed: IRevocationFeed, store: ICookieStore, other: StoreProcess, open_store: OpenStore
    ) -> None:
        """A cursor from before a restart gives all that came after it, or raises PositionLost.

        IRevocationFeed.revoked_since: "the store no longer knows what happened since `cursor`."
        """
        _, cursor = feed.revoked_since(None)
        store.close()
        other.call("commit", [Delete(make_id(1))])
        reopened: Any = open_store()
        try:
            ids = set(reopened.revoked_since(cursor)[0])
        except PositionLost:
            return
        assert ids == {make_id(1)}

    @pytest.mark.parametrize("cursor", FOREIGN, ids=repr)
    def test_an_unknown_cursor_is_refused(self, feed: IRevocationFeed, cursor: Any) -> None:
        """revoked_since() raises PositionLost for what is no position of the feed.

        PositionLost: "A feed no longer knows what happened since the given position: it is too old,
        or foreign."
        """
        with pytest.raises(PositionLost):
            feed.revoked_since(cursor)

    def test_a_cursor_can_be_handed_to_another_process(
        self, feed: IRevocationFeed, store: ICookieStore, other: StoreProcess
    ) -> None:
        """A cursor can be pickled: another process reads on from there.

        IRevocationFeed.revoked_since: "It can be pickled, and handed to another process that has
        the same store open."
        """
        _, cursor = feed.revoked_since(None)
        store.commit([Delete(make_id(1))])
        ids, theirs = other.call("revoked_since", cursor)
        assert set(ids) == {make_id(1)}
        store.commit([Delete(make_id(2))])
        assert set(feed.revoked_since(theirs)[0]) == {make_id(2)}

    def test_a_revocation_ends_the_waiting(
        self, feed: IRevocationFeed, other: StoreProcess
    ) -> None:
        """await_revocation() begins at once, then returns when another process has revoked.

        IRevocationSignal.await_revocation: "Return as soon as something may have been revoked since
        the last call returned"
        """
        if IRevocationSignal.providedBy(feed):
            assert _wait(feed).wait(PATIENCE)
            returned = _wait(feed)
            other.call("commit", [Delete(make_id(1))])
            assert returned.wait(PATIENCE)

    def test_waiting_can_be_interrupted(self, feed: IRevocationFeed) -> None:
        """interrupt() ends await_revocation() at once, now and later, however often called.

        IRevocationSignal.interrupt: "End the wait, and every later one: `await_revocation` returns
        at once. Idempotent."
        """
        if IRevocationSignal.providedBy(feed):
            assert _wait(feed).wait(PATIENCE)
            returned = _wait(feed)
            feed.interrupt()
            feed.interrupt()
            assert returned.wait(PATIENCE)
            assert _wait(feed).wait(PATIENCE)


def _login(number: int, authid: str) -> Authenticate:
    return Authenticate(make_id(number), make_auth(authid), NOW)


def _wait(signal: IRevocationSignal) -> Event:
    """Have a thread wait for long: the event is set when it has returned."""
    returned = Event()

    def wait() -> None:
        signal.await_revocation(10 * PATIENCE)
        returned.set()

    Thread(target=wait, daemon=True).start()
    return returned

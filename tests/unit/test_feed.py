"""What others revoke takes effect here: page by page, from where the last one ended."""

from collections.abc import Callable
from typing import Any

import pytest

from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.record import Delete, UserRevoked
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import make_auth, make_id
from cookietrack_plugin.tracking.feed import INTERVAL_S, MAX_RETRY_S, SIGNALLED_INTERVAL_S, Feed
from cookietrack_plugin.tracking.freshness import MAX_STALE_S
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.feeds import FeedStore, SignallingStore
from tests.support.trackers import POLICY, Tracked

NOT_KNOWN = "the cookie store: revocations of other workers are not known: {}"
KNOWN_AGAIN = "the cookie store: revocations of other workers are known again"


def wait_for(tracked: Tracked, condition: Callable[[], Any], pause: float = INTERVAL_S) -> None:
    """Let time pass in steps of `pause`."""
    tracked.reactor.turn_until(lambda: condition() or tracked.reactor.advance(pause))


def pages(tracked: Tracked, number: int = 1) -> None:
    """So many pages are asked for, and have taken effect or failed."""
    store = tracked.store
    expected = len(store.asked) + number
    wait_for(tracked, lambda: len(store.asked) >= expected, MAX_RETRY_S)
    tracked.reactor.turn_until(lambda: feed_of(tracked)._timer)


def feed_of(tracked: Tracked) -> Feed:
    [feed] = [each for each in tracked.tracker._background if isinstance(each, Feed)]
    return feed


@pytest.fixture(params=[False, True], ids=["in place", "on a thread"])
def tracked(request: pytest.FixtureRequest, make_tracked: Any) -> Tracked:
    """One whose store has a feed, and is read in place or on a thread."""
    tracked: Tracked = make_tracked(FeedStore(request.param, commits_block=True), position=0)
    tracked.reactor.turn_until(lambda: feed_of(tracked)._timer)
    return tracked


class TestAPage:
    def test_begins_where_the_last_one_ended(self, tracked):
        tracked.store.elsewhere(Delete(make_id(77)))
        pages(tracked)
        tracked.store.elsewhere(Delete(make_id(78)))
        pages(tracked, 2)
        assert tracked.store.asked[:4] == [0, 0, 1, 2]

    def test_begins_where_the_store_was_opened(self, make_tracked):
        """What was revoked between that and the first connection is heard of."""
        store = FeedStore()
        store.entries = ["x"] * 5
        tracked = make_tracked(store, position=3)
        wait_for(tracked, lambda: len(store.asked) == 2)
        assert store.asked == [3, 5]

    def test_begins_now_where_no_position_is_known(self, make_tracked):
        tracked = make_tracked(FeedStore())
        wait_for(tracked, lambda: len(tracked.store.asked) == 2)
        assert tracked.store.asked == [None, 0]

    def test_ends_the_connections_of_a_cookie_that_was_deleted(self, tracked):
        id, link = tracked.visit()
        _, stranger = tracked.visit()
        tracked.store.elsewhere(Delete(id))
        wait_for(tracked, lambda: link.reasons)
        assert (link.reasons, stranger.reasons) == ([LOGOUT], [])

    def test_ends_the_sessions_of_a_user_who_was_revoked(self, tracked):
        _, link = tracked.enter("joe")
        _, stranger = tracked.enter("ann")
        tracked.store.elsewhere(UserRevoked("joe", None))
        wait_for(tracked, lambda: link.reasons)
        assert (link.reasons, stranger.reasons) == ([LOGOUT], [])
        assert tracked.sessions() == {"ann"}

    def test_comes_again_every_now_and_then(self, tracked):
        asked = len(tracked.store.asked)
        tracked.reactor.advance(INTERVAL_S - 0.001)
        tracked.reactor.turn()
        assert len(tracked.store.asked) == asked
        tracked.reactor.advance(0.001)
        tracked.reactor.turn_until(lambda: len(tracked.store.asked) > asked)

    def test_that_is_wanted_comes_at_once(self, tracked):
        asked = len(tracked.store.asked)
        known = tracked.tracker._revoker._freshness.next_sync()
        tracked.reactor.turn_until(lambda: known.called)
        assert len(tracked.store.asked) == asked + 1
        # Instead of the one that would have come.
        tracked.reactor.advance(INTERVAL_S)
        tracked.reactor.turn_until(lambda: len(tracked.store.asked) > asked + 1)
        tracked.reactor.turn_until(lambda: feed_of(tracked)._timer)
        assert len(tracked.store.asked) == asked + 2

    def test_that_is_wanted_while_one_is_read_follows_that_at_once(self, tracked):
        tracked.store.questions.shut()
        asked = len(tracked.store.asked)
        tracked.reactor.advance(INTERVAL_S)
        tracked.reactor.turn_until(lambda: len(tracked.store.asked) > asked)
        tracked.reactor.advance(0.001)
        known = tracked.tracker._revoker._freshness.next_sync()
        tracked.store.questions.open()
        tracked.reactor.turn_until(lambda: known.called)
        assert len(tracked.store.asked) == asked + 2


class TestAFeedThatFails:
    def test_goes_on_from_where_it_was(self, tracked):
        id, link = tracked.visit()
        pages(tracked)
        position = tracked.store.asked[-1]
        tracked.store.feed_error = StoreUnavailable("the network is away")
        tracked.store.elsewhere(Delete(id))
        pages(tracked, 3)
        assert set(tracked.store.asked[-3:]) == {position}
        assert link.reasons == []
        tracked.store.feed_error = None
        wait_for(tracked, lambda: link.reasons)
        assert link.reasons == [LOGOUT]

    def test_is_logged_once_when_it_fails_and_once_when_it_goes_on(self, tracked, log):
        for _ in range(2):
            log.events.clear()
            tracked.store.feed_error = StoreUnavailable("the network is away")
            pages(tracked, 3)
            tracked.store.feed_error = None
            pages(tracked, 3)
            assert log.at("warn") == [NOT_KNOWN.format("the network is away")]
            assert log.at("info") == [KNOWN_AGAIN]

    def test_is_asked_more_rarely_but_never_later_than_a_second(self, tracked):
        """So what a fault has stopped goes on within seconds."""
        tracked.store.feed_error = StoreUnavailable("the network is away")
        pages(tracked, 10)
        asked = len(tracked.store.asked)
        # Half of the longest pause is the shortest that jitter makes of it.
        tracked.reactor.advance(MAX_RETRY_S / 2 - 0.001)
        tracked.reactor.turn()
        assert len(tracked.store.asked) == asked
        tracked.reactor.advance(MAX_RETRY_S / 2 + 0.001)
        tracked.reactor.turn_until(lambda: len(tracked.store.asked) == asked + 1)

    def test_is_asked_as_often_as_before_once_it_has_answered(self, tracked):
        tracked.store.feed_error = StoreUnavailable("the network is away")
        pages(tracked, 10)
        tracked.store.feed_error = None
        pages(tracked)
        assert feed_of(tracked)._timer.getTime() - tracked.reactor.seconds() == pytest.approx(
            INTERVAL_S
        )

    def test_that_fails_again_is_asked_again_as_soon_as_the_first_time(self, tracked):
        for _ in range(2):
            tracked.store.feed_error = StoreUnavailable("the network is away")
            pages(tracked)
            assert feed_of(tracked)._timer.getTime() - tracked.reactor.seconds() <= INTERVAL_S
            pages(tracked, 10)
            tracked.store.feed_error = None
            pages(tracked)

    def test_is_known_again_when_the_whole_page_has_taken_effect(self, tracked, log):
        """A look-up of what was revoked fails: nobody can tell what became of it."""
        id, link = tracked.visit()
        pages(tracked)
        tracked.store.fail_loads()
        tracked.store.elsewhere(Delete(id))
        position = tracked.store.asked[-1]
        pages(tracked, 3)
        assert set(tracked.store.asked[-2:]) == {position}
        assert log.at("warn") == [NOT_KNOWN.format("the disk is away")]
        tracked.store.recover()
        wait_for(tracked, lambda: link.reasons)
        wait_for(tracked, lambda: log.at("info").count(KNOWN_AGAIN) == 1)
        assert link.reasons == [LOGOUT]

    def test_makes_what_is_known_stale_after_a_while(self, tracked):
        """A HELLO may come long after the handshake: until then its cookie may have been ended."""
        freshness = tracked.tracker._revoker._freshness
        tracked.store.feed_error = StoreUnavailable("the network is away")
        pages(tracked)
        tracked.reactor.advance(MAX_STALE_S)
        assert freshness.is_stale(0.0)
        tracked.store.feed_error = None
        pages(tracked)
        assert not freshness.is_stale(0.0)

    def test_and_what_could_not_be_looked_up_then_is_good_again_once_it_is_known(self, tracked):
        id, link = tracked.enter("joe")
        tracked.store.feed_error = StoreUnavailable("the network is away")
        tracked.store.fail_loads()
        pages(tracked)
        tracked.reactor.advance(MAX_STALE_S)
        assert tracked.hello(link) is None
        tracked.store.recover()
        _, other = tracked.visit(id)
        assert tracked.hello(other).auth == make_auth("joe")
        tracked.store.fail_loads()
        tracked.reactor.advance(MAX_STALE_S + 1)
        assert tracked.hello(link) is None
        tracked.store.feed_error = None
        tracked.store.recover()
        pages(tracked)
        assert tracked.tracker.known(id, POLICY) is not None


class TestAPositionThatTheStoreHasLost:
    def test_is_replaced_by_a_new_one_when_all_was_looked_up(self, tracked, log):
        id, link = tracked.enter("joe")
        _, stays = tracked.enter("ann")
        pages(tracked)
        tracked.store._apply(Delete(id))
        tracked.store.feed_error = PositionLost("too old")
        pages(tracked)
        tracked.store.feed_error = None
        tracked.store.entries = ["forgotten"] * 9
        wait_for(tracked, lambda: link.reasons)
        pages(tracked)
        assert (link.reasons, stays.reasons) == ([LOGOUT], [])
        assert tracked.store.asked[-2:] == [None, 9]
        assert log.at("warn") == [NOT_KNOWN.format("too old")]
        assert log.at("info").count(KNOWN_AGAIN) == 1

    def test_is_not_replaced_before_that(self, tracked, log):
        id, link = tracked.enter("joe")
        pages(tracked)
        tracked.store._apply(Delete(id))
        tracked.store.feed_error = PositionLost("too old")
        pages(tracked)
        tracked.store.fail_loads()
        tracked.store.feed_error = None
        pages(tracked, 3)
        assert tracked.store.asked[-3:] == [None] * 3
        assert log.at("info").count(KNOWN_AGAIN) == 0
        tracked.store.recover()
        wait_for(tracked, lambda: link.reasons)
        pages(tracked)
        assert tracked.store.asked[-1] is not None

    def test_is_kept_for_logins_until_then(self, tracked):
        """The store refuses them, as it cannot tell who was revoked since."""
        freshness = tracked.tracker._revoker._freshness
        position = freshness.position
        tracked.store.feed_error = PositionLost("too old")
        pages(tracked, 2)
        assert freshness.position == position


@pytest.fixture
def signalled(make_tracked: Any) -> Tracked:
    """One whose store says when to ask, and waits now."""
    tracked: Tracked = make_tracked(SignallingStore(commits_block=True), position=0)
    tracked.reactor.turn_until(lambda: tracked.store.waited)
    tracked.store.signal()
    wait_for(tracked, lambda: len(tracked.store.waited) > 1, SIGNALLED_INTERVAL_S)
    return tracked


class TestAStoreThatSignals:
    def test_is_heard_at_once(self, signalled):
        id, link = signalled.visit()
        signalled.store.elsewhere(Delete(id))
        signalled.store.signal()
        signalled.reactor.turn_until(lambda: link.reasons)
        assert link.reasons == [LOGOUT]

    def test_is_not_asked_while_it_does_not(self, signalled):
        asked = len(signalled.store.asked)
        signalled.reactor.advance(10 * INTERVAL_S)
        signalled.reactor.turn()
        assert len(signalled.store.asked) == asked

    def test_is_waited_for_again_soon_after_a_page(self, signalled):
        waited = len(signalled.store.waited)
        signalled.store.signal()
        signalled.reactor.turn_until(lambda: feed_of(signalled)._timer)
        pause = feed_of(signalled)._timer.getTime() - signalled.reactor.seconds()
        assert pause == pytest.approx(SIGNALLED_INTERVAL_S)
        signalled.reactor.advance(SIGNALLED_INTERVAL_S)
        signalled.reactor.turn_until(lambda: len(signalled.store.waited) > waited)

    def test_is_asked_every_now_and_then_while_it_cannot(self, signalled, log):
        id, link = signalled.visit()
        signalled.store.signal_error = StoreUnavailable("the connection is lost")
        signalled.store.signal()
        signalled.store.elsewhere(Delete(id))
        wait_for(signalled, lambda: link.reasons)
        pages(signalled, 3)
        assert [text for text in log.at("debug") if "signal" in text] == [
            f"the cookie store is asked for revocations every {INTERVAL_S} seconds, as it does not"
            " signal them: the connection is lost"
        ]
        signalled.store.signal_error = None
        signalled.store.signal()
        wait_for(
            signalled,
            lambda: "the cookie store signals revocations again" in log.at("debug"),
            AWAY_S[0],
        )


class TestTheEnd:
    def test_does_not_wait_for_a_signal(self, signalled):
        signalled.reactor.result_of(signalled.tracker.close())
        assert signalled.store.closed == 1

    def test_leaves_no_timer_and_is_idempotent(self, tracked):
        first, second = feed_of(tracked).stop(), feed_of(tracked).stop()
        tracked.reactor.result_of(first)
        tracked.reactor.result_of(second)
        assert not feed_of(tracked)._timer.active()

    def test_can_come_while_a_page_is_read(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.questions.shut()
        asked = len(tracked.store.asked)
        tracked.reactor.advance(INTERVAL_S)
        tracked.reactor.turn_until(lambda: len(tracked.store.asked) > asked)
        tracked.store.elsewhere(Delete(id))
        tracked.store.feed_error = StoreUnavailable("closed")
        stopped = feed_of(tracked).stop()
        tracked.store.questions.open()
        tracked.reactor.result_of(stopped)
        tracked.reactor.advance(MAX_RETRY_S)
        tracked.reactor.turn()
        assert len(tracked.store.asked) == asked + 1
        # The store was closed on purpose.
        assert log.at("warn") == []

    def test_lets_those_go_on_who_wait_for_a_page(self, tracked):
        freshness = tracked.tracker._revoker._freshness
        tracked.store.feed_error = StoreUnavailable("the network is away")
        known = freshness.next_sync()
        tracked.reactor.result_of(feed_of(tracked).stop())
        tracked.reactor.result_of(known)
        tracked.reactor.result_of(freshness.next_sync())
        # Nor is it asked once more.
        asked = len(tracked.store.asked)
        freshness.on_demand()
        tracked.reactor.turn()
        assert len(tracked.store.asked) == asked

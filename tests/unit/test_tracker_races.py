"""Interleavings by which somebody stayed in who should be out."""

import pytest
from twisted.internet.defer import Deferred

from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.record import Delete, UserRevoked
from cookietrack_plugin.testing.samples import make_id
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.connections import FakeLink
from tests.support.feeds import FeedStore


@pytest.fixture
def tracked(make_tracked):
    """A tracker on a store that others share, at the first position of its feed."""
    return make_tracked(FeedStore(reads_block=True, commits_block=True), 0)


def pass_time(tracked, until, seconds=0.1):
    """Time passes only while no thread has anything to say."""
    while not until():
        if not tracked.reactor.take_one(patience=0.3):
            tracked.reactor.advance(seconds)
        tracked.reactor.advance(0)


def test_a_cookie_that_is_ended_while_another_one_is_looked_up_lets_nobody_in(tracked):
    """Two values under our name: the record of one lies there while the other is read."""
    id, first = tracked.enter("joe")
    tracked.tracker.drop(first.connection)
    tracked.store.reads.shut()
    alone = tracked.admit(id)
    tracked.reactor.turn_until(tracked.store.reads.reached())
    # It shares the look-up of the first, which is answered before its own second one.
    both = tracked.admit(id, make_id(99))
    reads = tracked.store.reads.arrived
    tracked.store.reads.open()
    tracked.store.reads.shut()
    tracked.reactor.result_of(alone)
    tracked.reactor.turn_until(tracked.store.reads.reached(reads + 1))
    ended = tracked.tracker.revoke_user("joe")
    tracked.store.entries.append(UserRevoked("joe", None))
    pass_time(tracked, lambda: ended.called)
    tracked.store.reads.open()
    admission = tracked.reactor.result_of(both)
    assert admission.created
    assert admission.cookie.auth is None


def test_a_login_that_is_not_stored_does_not_outlast_a_lost_position(tracked):
    """Its user may have been revoked in the stretch that the feed has lost."""
    _, link = tracked.visit()
    tracked.hello(link)
    asked = len(tracked.store.asked)
    tracked.store.feed_error = PositionLost("it is too old")
    pass_time(tracked, lambda: len(tracked.store.asked) > asked)
    tracked.store.feed_error = None
    pass_time(tracked, lambda: None in tracked.store.asked[asked:])
    pass_time(tracked, lambda: tracked.store.asked[-1] is not None)
    with pytest.raises(LoginRefused):
        tracked.reactor.result_of(tracked.accept(link, stores=False))
    tracked.log_in(link, stores=False)


def test_what_was_ended_during_an_outage_does_not_wait_for_the_look_ups_pause(tracked):
    """Handshakes have driven their breaker to its longest pause by then."""
    id, link = tracked.enter("joe")
    tracked.store.fail_loads()
    tracked.store.feed_error = StoreUnavailable("the network is cut")
    for _ in range(12):
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.admit(make_id(99)))
        tracked.reactor.advance(5)
    with pytest.raises(StoreUnavailable):
        tracked.reactor.result_of(tracked.admit(make_id(99)))
    tracked.store.elsewhere(Delete(id))
    tracked.store.recover()
    tracked.store.feed_error = None
    back = tracked.reactor.seconds()
    pass_time(tracked, lambda: link.reasons)
    assert tracked.reactor.seconds() - back < 2


def test_an_end_that_is_asked_for_again_waits_until_the_session_is_off_the_router(tracked):
    id, link = tracked.enter("joe")
    link.detaching = detaching = Deferred()
    acknowledged = []
    for ended in (
        tracked.tracker.revoke([id]),
        tracked.tracker.revoke([id]),
        tracked.tracker.revoke_user("joe"),
    ):
        ended.addBoth(acknowledged.append)
    pass_time(tracked, lambda: not tracked.tracker.pending and "detach" in link.done)
    for _ in range(20):
        tracked.reactor.advance(0.1)
        tracked.reactor.turn()
    assert acknowledged == []
    detaching.callback(None)
    pass_time(tracked, lambda: len(acknowledged) == 3)


def test_an_observer_that_raises_keeps_no_revocation_from_being_stored(tracked, log):
    id, link = tracked.enter("joe")
    tracked.tracker.events.subscribe(lambda _: 1 / 0)
    tracked.reactor.result_of(tracked.tracker.revoke_user("joe"))
    assert id not in tracked.store.cookies
    assert link.reasons == [LOGOUT]
    assert any("cannot be passed on" in text for text in log.at("critical", "error"))


def test_a_connection_without_a_cookie_is_found_by_its_session(tracked):
    from tests.support.trackers import POLICY

    link = FakeLink()
    link.connection = tracked.tracker.enter(None, POLICY, link)
    tracked.log_in(link, stores=False)
    tracked.store.elsewhere(UserRevoked("joe", None))
    pass_time(tracked, lambda: link.reasons)

"""What is known of others' revocations: how old it is, and who waits for it to be newer."""

import pytest
from twisted.internet.defer import Deferred

from cookietrack_plugin.tracking.freshness import MAX_STALE_S, Freshness
from tests.support.reactor import FakeReactor


@pytest.fixture
def freshness(reactor: FakeReactor) -> Freshness:
    """Of a store with a feed, which was read up to 5 just now."""
    return Freshness(reactor.seconds, position=5)


@pytest.fixture
def alone(reactor: FakeReactor) -> Freshness:
    """Of a store that has none."""
    return Freshness(reactor.seconds)


def has_fired(deferred: Deferred[None]) -> bool:
    fired: list[None] = []
    deferred.addCallback(fired.append)
    return fired == [None]


class TestARecord:
    @pytest.mark.parametrize(("age", "stale"), [(MAX_STALE_S, False), (MAX_STALE_S + 0.01, True)])
    def test_is_stale_once_nobody_has_heard_of_revocations_for_a_while(
        self, freshness, reactor, age, stale
    ):
        read = reactor.seconds()
        reactor.advance(age)
        assert freshness.is_stale(read) is stale

    def test_is_as_good_as_what_the_feed_knows(self, freshness, reactor):
        read = reactor.seconds()
        reactor.advance(10)
        freshness.synced(6, reactor.seconds())
        assert not freshness.is_stale(read)
        reactor.advance(MAX_STALE_S + 0.01)
        assert freshness.is_stale(read)

    def test_is_as_good_as_when_it_was_read(self, freshness, reactor):
        reactor.advance(10)
        read = reactor.seconds()
        assert freshness.is_stale(read - MAX_STALE_S - 0.01)
        assert not freshness.is_stale(read)

    def test_counts_from_the_question_and_not_from_the_answer(self, freshness, reactor):
        asked = reactor.seconds()
        reactor.advance(MAX_STALE_S + 0.01)
        freshness.synced(6, asked)
        assert freshness.is_stale(asked)

    def test_is_never_stale_where_nobody_else_can_revoke_anything(self, alone, reactor):
        reactor.advance(3600)
        assert not alone.is_stale(0.0)


def test_it_has_the_position_up_to_which_all_has_taken_effect(freshness, alone, reactor):
    assert (freshness.position, alone.position) == (5, None)
    assert freshness.last_synced == reactor.seconds()
    reactor.advance(3)
    freshness.synced(6, reactor.seconds() - 1)
    assert (freshness.position, freshness.last_synced) == (6, reactor.seconds() - 1)


class TestWhoeverWaits:
    def test_does_so_until_all_has_taken_effect_that_was_revoked_before(self, freshness, reactor):
        reactor.advance(1)
        waiting = freshness.next_sync()
        assert freshness.is_awaited()
        freshness.synced(6, reactor.seconds() - 0.01)
        assert not has_fired(waiting)
        assert freshness.is_awaited()
        freshness.synced(7, reactor.seconds())
        assert has_fired(waiting)
        assert not freshness.is_awaited()

    def test_finds_everything_up_to_date(self, freshness, reactor):
        positions: list[int] = []
        freshness.next_sync().addCallback(lambda _: positions.append(freshness.position))
        freshness.synced(6, reactor.seconds())
        assert positions == [6]

    def test_waits_for_the_page_that_was_asked_for_after_that(self, freshness, reactor):
        early = freshness.next_sync()
        reactor.advance(1)
        late = freshness.next_sync()
        freshness.synced(6, reactor.seconds() - 0.5)
        assert (has_fired(early), has_fired(late)) == (True, False)

    def test_has_the_feed_asked(self, freshness):
        asked: list[int] = []
        freshness.on_demand = lambda: asked.append(1)
        freshness.next_sync()
        assert asked == [1]

    def test_may_wait_for_the_next_one_when_it_is_called(self, freshness, reactor):
        again: list[Deferred[None]] = []
        freshness.next_sync().addCallback(lambda _: again.append(freshness.next_sync()))
        freshness.synced(6, reactor.seconds())
        assert not has_fired(again[0])
        freshness.synced(7, reactor.seconds())
        assert has_fired(again[0])

    def test_does_not_wait_where_there_is_no_feed(self, alone):
        alone.on_demand = lambda: pytest.fail("asked")
        assert has_fired(alone.next_sync())
        assert not alone.is_awaited()

    def test_goes_on_when_the_feed_ends(self, freshness):
        waiting = [freshness.next_sync(), freshness.next_sync()]
        freshness.stop()
        freshness.stop()
        assert [has_fired(each) for each in waiting] == [True, True]
        assert not freshness.is_awaited()

    def test_goes_on_when_the_feed_fails_and_waits_for_it_the_next_time(self, freshness):
        """A revocation is stored by then: its caller is not kept waiting."""
        waiting = freshness.next_sync()
        freshness.failed()
        assert has_fired(waiting)
        assert not has_fired(freshness.next_sync())

    def test_does_not_wait_for_a_feed_that_has_ended(self, freshness):
        """What was stored while the tracker was closed is acknowledged all the same."""
        freshness.stop()
        freshness.on_demand = lambda: pytest.fail("asked")
        assert has_fired(freshness.next_sync())

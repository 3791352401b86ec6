"""A closed store: everything that was queued is in it, and nobody is known any more."""

import pytest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.testing.samples import make_id
from tests.support.connections import FakeConnection


def close(tracked):
    return tracked.reactor.result_of(tracked.tracker.close())


class TestClosing:
    def test_closes_the_store_where_it_commits_and_is_idempotent(self, tracked):
        first, second = tracked.tracker.close(), tracked.tracker.close()
        tracked.reactor.result_of(first)
        tracked.reactor.result_of(second)
        close(tracked)
        assert tracked.store.closed == 1
        on_writer = tracked.store.threads["close"].name == "cookietrack-writer"
        assert on_writer == tracked.store.commits_block

    def test_stores_first_what_is_queued(self, make_store, make_tracked, reactor):
        tracked = make_tracked(make_store(commits_block=True))
        id, _ = tracked.visit()
        tracked.store.commits.shut()
        tracked.log_in(id)
        admitted = tracked.admit()
        closed = tracked.tracker.close()
        reactor.turn()
        assert not closed.called
        tracked.store.commits.open()
        reactor.result_of(closed)
        assert tracked.stored_authid(id) == "joe"
        assert reactor.result_of(admitted).cookie.id in tracked.store.cookies
        assert tracked.store.closed == 1

    def test_stores_the_signs_of_life_that_wait_for_their_turn(self, tracked):
        id, _ = tracked.visit()
        tracked.reactor.advance(7)
        tracked.visit(id)
        close(tracked)
        assert tracked.store.cookies[id].seen == tracked.tracker.clock.now()

    def test_stores_what_is_queued_though_a_reader_hangs(self, make_store, make_tracked, reactor):
        tracked = make_tracked(make_store(reads_block=True, commits_block=True))
        id, _ = tracked.visit()
        tracked.store.reads.shut()
        hanging = tracked.admit(make_id(77))
        reactor.turn_until(tracked.store.reads.reached())
        tracked.log_in(id)
        closed = tracked.tracker.close()
        reactor.turn_until(lambda: tracked.stored_authid(id) == "joe")
        assert not closed.called
        tracked.store.reads.open()
        reactor.result_of(closed)
        with pytest.raises(StoreUnavailable):
            reactor.result_of(hanging)

    def test_answers_a_look_up_under_way_that_is_overtaken(self, make_store, make_tracked, reactor):
        tracked = make_tracked(make_store(reads_block=True))
        id, _ = tracked.visit()
        tracked.store.reads.shut()
        waiting = tracked.admit(id)
        reactor.turn_until(tracked.store.reads.reached())
        tracked.tracker.lookup.overtake(id)
        closed = tracked.tracker.close()
        tracked.store.reads.open()
        reactor.result_of(closed)
        with pytest.raises(StoreUnavailable):
            reactor.result_of(waiting)

    def test_ends_what_uses_the_store_first(self, tracked):
        order = []

        def stop():
            order.append(("stopped", tracked.store.closed))
            return tracked.tracker.committer.run(lambda: order.append("ended"))

        tracked.tracker.close_with(stop)
        close(tracked)
        assert order == [("stopped", 0), "ended"]
        assert tracked.store.closed == 1

    def test_fails_with_the_stores_error_for_everyone_who_closes(self, tracked):
        tracked.store.close_error = StoreUnavailable("cannot flush")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot flush"):
                close(tracked)
        assert tracked.store.closed == 1

    def test_leaves_no_timer(self, tracked):
        id, _ = tracked.visit()
        tracked.visit(id)
        close(tracked)
        assert tracked.reactor.getDelayedCalls() == []

    def test_tries_a_deletion_that_could_not_be_stored_once_more(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.revoke(id))
        tracked.store.recover()
        close(tracked)
        assert id not in tracked.store.cookies
        tracked.reactor.advance(60)
        tracked.reactor.turn()
        assert tracked.store.changes[-1] == Delete(id)

    def test_tries_it_even_if_the_store_was_away_a_moment_ago(self, tracked):
        """There is no later time for it."""
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        for _ in range(MAX_FAILURES + 1):
            with pytest.raises(StoreUnavailable):
                tracked.reactor.result_of(tracked.tracker.revoke(id))
        tracked.store.recover()
        close(tracked)
        assert id not in tracked.store.cookies

    def test_says_so_if_that_is_in_vain_and_is_quiet_then(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.revoke(id))
        close(tracked)
        assert log.at("critical")[1:] == [
            f"the end of cookie {id} cannot be stored, it is refused here and not tried again:"
            " the disk is away"
        ]
        tracked.reactor.advance(60)
        tracked.reactor.turn()
        assert len(log.at("critical")) == 2


class TestAfterwards:
    @pytest.fixture
    def closed(self, tracked, log):
        """A closed tracker, and a cookie with a login that still has a connection."""
        id, client = tracked.visit()
        tracked.log_in(id)
        tracked.settle(id)
        close(tracked)
        log.events.clear()
        return tracked, id, client

    def test_handshakes_are_refused(self, closed):
        tracked, id, _ = closed
        for presented in (None, id):
            with pytest.raises(StoreUnavailable, match="the store is closed"):
                tracked.reactor.result_of(tracked.admit(presented))

    def test_nobody_is_known_and_nothing_is_said_or_asked(self, closed, log):
        tracked, id, _ = closed
        loads = len(tracked.store.loaded)
        assert tracked.tracker.current(id) is None
        assert len(tracked.store.loaded) == loads
        assert log.at("warn", "error", "critical") == []

    def test_connections_can_be_dropped(self, closed, log):
        tracked, id, client = closed
        assert tracked.tracker.drop(id, client) == 0
        assert tracked.tracker.drop(id, client) == 0
        assert tracked.tracker.drop(make_id(77), FakeConnection()) == 0
        assert log.at("warn", "error", "critical") == []

    def test_who_wrote_nothing_can_go_in_peace(self, closed):
        """At shutdown the router says GOODBYE to everybody."""
        tracked, id, _ = closed
        assert tracked.settle(id) is None

    def test_a_login_is_not_stored_and_its_welcome_does_not_leave(self, closed):
        tracked, id, _ = closed
        assert not tracked.log_in(id, "ann")
        with pytest.raises(StoreUnavailable):
            tracked.settle(id)

    def test_a_logout_is_not_stored_and_its_goodbye_does_not_leave(self, closed, log):
        tracked, id, client = closed
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.revoke(id))
        with pytest.raises(StoreUnavailable):
            tracked.settle(id)
        assert client.forgot == 1
        assert log.at("critical") == [
            f"the end of cookie {id} cannot be stored, it is refused here and not tried again:"
            " the store is closed"
        ]

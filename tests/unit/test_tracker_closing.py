"""A closed store: everything that was queued is in it, and nobody is known any more."""

import pytest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.testing.samples import make_id
from tests.support.connections import FakeLink
from tests.support.trackers import POLICY


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
        id, link = tracked.visit()
        tracked.hello(link)
        tracked.store.commits.shut()
        accepted = tracked.accept(link)
        admitted = tracked.admit()
        closed = tracked.tracker.close()
        reactor.turn()
        assert not closed.called
        tracked.store.commits.open()
        reactor.result_of(closed)
        assert tracked.stored_authid(id) == "joe"
        reactor.result_of(accepted)
        assert reactor.result_of(admitted).cookie.id in tracked.store.cookies
        assert tracked.store.closed == 1

    def test_stores_the_last_seen_updates_that_are_pending(self, tracked):
        id, _ = tracked.visit()
        tracked.reactor.advance(7)
        tracked.visit(id)
        close(tracked)
        assert tracked.store.cookies[id].seen == tracked.tracker.clock.now()

    def test_stores_what_is_queued_though_a_reader_hangs(self, make_store, make_tracked, reactor):
        tracked = make_tracked(make_store(reads_block=True, commits_block=True))
        id, link = tracked.visit()
        tracked.hello(link)
        tracked.store.reads.shut()
        hanging = tracked.admit(make_id(77))
        reactor.turn_until(tracked.store.reads.reached())
        accepted = tracked.accept(link)
        closed = tracked.tracker.close()
        reactor.turn_until(lambda: tracked.stored_authid(id) == "joe")
        reactor.result_of(accepted)
        assert not closed.called
        tracked.store.reads.open()
        reactor.result_of(closed)
        assert reactor.result_of(hanging).cookie.id in tracked.store.cookies

    def test_answers_a_look_up_in_flight_that_is_stale(self, make_store, make_tracked, reactor):
        tracked = make_tracked(make_store(reads_block=True))
        id, _ = tracked.visit()
        tracked.store.reads.shut()
        waiting = tracked.admit(id)
        reactor.turn_until(tracked.store.reads.reached())
        tracked.access.invalidate(id)
        closed = tracked.tracker.close()
        tracked.store.reads.open()
        reactor.result_of(closed)
        with pytest.raises(StoreUnavailable):
            reactor.result_of(waiting)

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
            tracked.reactor.result_of(tracked.tracker.revoke([id]))
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
                tracked.reactor.result_of(tracked.tracker.revoke([id]))
        tracked.store.recover()
        close(tracked)
        assert id not in tracked.store.cookies

    def test_says_so_if_that_is_in_vain_and_is_quiet_then(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.revoke([id]))
        close(tracked)
        assert log.at("critical")[1:] == [
            f"the end of cookie {id} cannot be stored; this worker refuses it and does not try"
            " again: the disk is away"
        ]
        tracked.reactor.advance(60)
        tracked.reactor.turn()
        assert len(log.at("critical")) == 2


class TestAfterwards:
    @pytest.fixture
    def closed(self, tracked, log):
        """A closed tracker, and a cookie with a login that still has a connection."""
        id, link = tracked.enter()
        close(tracked)
        log.events.clear()
        return tracked, id, link

    def test_handshakes_are_refused(self, closed):
        tracked, id, _ = closed
        for presented in ((), (id,)):
            with pytest.raises(StoreUnavailable, match="the store is closed"):
                tracked.reactor.result_of(tracked.admit(*presented))

    def test_nobody_is_known_and_nothing_is_logged_or_asked(self, closed, log):
        tracked, _, link = closed
        loads = len(tracked.store.loaded)
        assert tracked.hello(link) is None
        assert len(tracked.store.loaded) == loads
        assert log.at("warn", "error", "critical") == []

    def test_connections_can_be_dropped(self, closed, log):
        tracked, _, link = closed
        tracked.tracker.drop(link.connection)
        tracked.tracker.drop(link.connection)
        assert log.at("warn", "error", "critical") == []

    def test_a_session_can_be_killed(self, closed, log):
        """At shutdown the router says GOODBYE to all."""
        tracked, _, link = closed
        killed = tracked.tracker.kill(link.connection, "wamp.close.system_shutdown")
        tracked.reactor.result_of(killed)
        assert link.reasons == ["wamp.close.system_shutdown"]

    def test_a_login_is_not_stored_and_does_not_join(self, closed):
        tracked, _, _ = closed
        link = FakeLink()
        link.connection = tracked.tracker.enter(None, POLICY, link)
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.accept(link, "ann"))

    def test_a_logout_is_not_stored_and_says_so(self, closed, log):
        tracked, id, link = closed
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        assert link.done == ["forget"]
        assert log.at("critical") == [
            f"the end of cookie {id} cannot be stored; this worker refuses it and does not try"
            " again: the store is closed"
        ]

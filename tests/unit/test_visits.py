"""Requests, as the tracker sees them."""

import pytest
from attrs import evolve

from cookietrack_plugin.record import Auth
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.admission import Visitor
from cookietrack_plugin.tracking.visits import Visit
from tests.support.connections import FakeLink
from tests.support.trackers import POLICY


def visit(tracked, *ids):
    link = FakeLink()
    visited = tracked.tracker.visit(Visitor(ids, "tcp4:1.2.3.4:5", "curl"), POLICY, link)
    return tracked.reactor.result_of(visited), link


def put(tracked, number, auth):
    tracked.store.cookies[make_id(number)] = make_cookie(number, auth)
    return make_id(number)


def test_of_a_user_are_connections_until_they_are_dropped(tracked):
    id = put(tracked, 1, make_auth("joe"))
    found, link = visit(tracked, id)
    assert (found.auth.authid, found.admission.cookie.peer) == ("joe", "tcp4:1.2.3.4:5")
    assert tracked.sessions() == {"joe"}
    tracked.reactor.result_of(tracked.tracker.revoke_user("joe"))
    assert link.done == ["discard", "detach", ("wamp.close.logout", 1000)]
    tracked.tracker.drop(found.connection)
    assert tracked.tracker.connected == 0


def test_of_others_leave_nothing(tracked):
    nobody = put(tracked, 1, None)
    anonymous = put(tracked, 2, Auth("x", "anonymous", "anonymous", "realm1"))
    for ids in ([nobody], [anonymous], [make_id(3)], [nobody, make_id(3)]):
        assert visit(tracked, *ids)[0] is None
    assert tracked.tracker.connected == 0
    assert tracked.store.committed == []
    assert tracked.tracker.metrics.requests["unknown"] == 1
    assert tracked.tracker.metrics.handshakes == {}


def test_are_activity(tracked):
    id = put(tracked, 1, make_auth("joe"))
    tracked.reactor.advance(60)
    found, _ = visit(tracked, id)
    tracked.tracker.drop(found.connection)
    tracked.reactor.advance(5)
    tracked.reactor.turn_until(lambda: tracked.store.committed)
    assert tracked.store.cookies[id].user_agent == "curl"
    assert tracked.store.cookies[id].seen == found.admission.cookie.seen


def test_nobody_is_known_to_a_tracker_that_is_closed(tracked):
    id = put(tracked, 1, make_auth("joe"))
    tracked.reactor.result_of(tracked.tracker.close())
    failed = []
    tracked.tracker.visit(Visitor([id]), POLICY, FakeLink()).addErrback(failed.append)
    assert len(failed) == 1


class TestOfAVisitorWhoWasHereAMomentAgo:
    @pytest.fixture
    def recent(self, tracked):
        put(tracked, 1, make_auth("joe"))
        found, _ = visit(tracked, make_id(1))
        tracked.tracker.drop(found.connection)
        return found.recent()

    def again(self, tracked, recent):
        """Whether the record is written again; who it is, and the connection's link."""
        link = FakeLink()
        visitor = Visitor([make_id(1)], "tcp4:1.2.3.4:5", "curl")
        visited = tracked.tracker.visit(visitor, POLICY, link, recent)
        if not isinstance(visited, Visit):
            visited = tracked.reactor.result_of(visited)
        return visited, link

    def test_are_the_same_as_long_as_the_record_is(self, tracked, recent):
        found, link = self.again(tracked, recent)
        assert found.admission is recent.admission
        assert found.auth.authid == "joe"
        assert tracked.sessions() == {"joe"}
        assert tracked.tracker.metrics.requests["returning"] == 2
        tracked.reactor.result_of(tracked.tracker.revoke_user("joe"))
        assert link.done == ["discard", "detach", ("wamp.close.logout", 1000)]
        tracked.tracker.drop(found.connection)
        assert tracked.tracker.connected == 0

    def test_are_of_who_has_the_cookie_now(self, tracked, recent):
        put(tracked, 1, make_auth("eve"))
        assert self.again(tracked, recent)[0].auth.authid == "eve"

    @pytest.mark.parametrize("auth", [None, Auth("x", "anonymous", "anonymous", "realm1")])
    def test_are_of_nobody_when_somebody_else_has_taken_the_login_away(self, tracked, recent, auth):
        put(tracked, 1, auth)
        assert self.again(tracked, recent)[0] is None

    def test_are_of_nobody_when_somebody_else_has_deleted_the_record(self, tracked, recent):
        del tracked.store.cookies[make_id(1)]
        assert self.again(tracked, recent)[0] is None

    def test_are_of_nobody_who_was_ended_though_that_is_not_stored_yet(self, tracked, recent):
        tracked.store.fail_commits()
        tracked.tracker.revoke([make_id(1)]).addErrback(lambda _: None)
        assert self.again(tracked, recent)[0] is None
        tracked.store.recover()

    def test_are_of_nobody_while_the_store_fails(self, tracked, recent):
        tracked.store.fail_loads()
        failed = []
        visited = tracked.tracker.visit(Visitor([make_id(1)]), POLICY, FakeLink(), recent)
        visited.addErrback(failed.append)
        tracked.reactor.turn_until(lambda: failed)
        tracked.store.recover()

    def test_are_activity_after_a_moment(self, tracked, recent):
        tracked.reactor.advance(0.5)
        found, _ = self.again(tracked, recent)
        assert found.admission.cookie.seen == NOW + 500
        tracked.tracker.drop(found.connection)

    def test_are_activity_at_once_where_the_record_ends_soon(self, tracked):
        put(tracked, 1, make_auth("joe"))
        policy = evolve(POLICY, idle_timeout=10)
        visited = tracked.tracker.visit(Visitor([make_id(1)]), policy, FakeLink())
        recent = tracked.reactor.result_of(visited).recent()
        tracked.reactor.advance(0.01)
        found, _ = self.again(tracked, recent)
        assert found.admission.cookie.seen == NOW + 10

    def test_take_nothing_back_that_was_heard_from_another_connection(self, tracked, recent):
        tracked.reactor.advance(0.1)
        other, _ = visit(tracked, make_id(1))
        tracked.reactor.advance(0.1)
        found, _ = self.again(tracked, recent)
        assert other.connection.cookie.record.seen >= other.admission.cookie.seen
        assert found.admission.cookie.seen == NOW + 200

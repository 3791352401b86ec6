"""What ends cookies and users: in force at once, durable before it is acknowledged."""

import pytest
from twisted.internet.defer import Deferred

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete
from cookietrack_plugin.testing.samples import make_auth, make_id
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended
from tests.support.trackers import POLICY

CLOSED = [(LOGOUT, 1000)]


def revoke(tracked, *ids):
    return tracked.reactor.result_of(tracked.tracker.revoke(ids))


def revoke_user(tracked, *args, **kwargs):
    return tracked.reactor.result_of(tracked.tracker.revoke_user(*args, **kwargs))


class TestTheEndOfACookie:
    def test_deletes_it_and_closes_every_connection(self, tracked):
        id, first = tracked.enter()
        _, second = tracked.visit(id)
        assert revoke(tracked, id) == Ended(1, 2)
        assert id not in tracked.store.cookies
        for link in (first, second):
            assert link.done == ["discard", "detach", *CLOSED]
        assert tracked.sessions() == set()

    def test_is_in_force_before_it_is_durable(self, slow, reactor):
        id, link = slow.enter()
        slow.store.commits.shut()
        ended = slow.tracker.revoke([id])
        assert link.done == ["discard"]
        assert slow.tracker.known(id, POLICY) is None
        assert slow.authid(id) is None
        reactor.turn()
        assert link.done == ["discard", "detach"]
        assert not ended.called
        slow.store.commits.open()
        reactor.result_of(ended)
        assert link.done == ["discard", "detach", *CLOSED]

    def test_is_not_acknowledged_before_the_sessions_are_off_the_router(self, tracked):
        id, link = tracked.enter()
        link.detaching = detaching = Deferred()
        ended = tracked.tracker.revoke([id])
        tracked.reactor.turn_until(lambda: "detach" in link.done and not tracked.tracker.pending)
        tracked.reactor.turn()
        assert not ended.called
        assert link.reasons == []
        detaching.callback(None)
        assert tracked.reactor.result_of(ended) == Ended(1, 1)

    def test_detaches_nothing_in_the_turn_in_which_it_is_asked_for(self, tracked):
        """The router may be iterating over its sessions."""
        id, link = tracked.enter()
        ended = tracked.tracker.revoke([id])
        assert link.done == ["discard"]
        tracked.reactor.result_of(ended)

    def test_of_one_that_is_not_there_ends_nothing(self, tracked):
        assert revoke(tracked, make_id(77)) == Ended(0, 0)

    def test_twice_ends_it_once(self, tracked):
        id, link = tracked.enter()
        assert revoke(tracked, id, id) == Ended(1, 1)
        assert revoke(tracked, id) == Ended(0, 0)
        assert link.reasons == [LOGOUT]

    def test_that_cannot_be_stored_is_in_force_here_and_tried_again(self, tracked, log):
        id, link = tracked.enter()
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        with pytest.raises(StoreUnavailable):
            revoke(tracked, id)
        assert link.reasons == [LOGOUT]
        assert tracked.authid(id) is None
        assert tracked.reactor.result_of(tracked.admit(id)).created
        tracked.store.recover()
        tracked.reactor.turn_until(lambda: tracked.reactor.advance(1) or _is_gone(tracked, id))
        assert f"the end of cookie {id} is stored now" in log.at("info")

    def test_that_is_not_stored_yet_is_not_shown_as_good(self, tracked):
        """By the WAMP procedures: validity has one home."""
        id, _ = tracked.enter()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            revoke(tracked, id)
        tracker, reactor = tracked.tracker, tracked.reactor
        assert reactor.result_of(tracker.find(id)) is None
        assert reactor.result_of(tracker.select(None, None, 10)) == []
        assert reactor.result_of(tracker.count("joe", None)) == 0
        tracked.store.recover()


class TestALogout:
    def test_ends_the_cookie_and_spares_the_connection(self, tracked):
        id, link = tracked.enter()
        _, sibling = tracked.visit(id)
        tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        assert id not in tracked.store.cookies
        assert link.done == ["forget"]
        assert sibling.reasons == [LOGOUT]

    def test_without_a_cookie_has_nothing_to_end(self, tracked):
        _, link = tracked.enter()
        for _ in range(2):
            tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        assert not link.ended


class TestAKill:
    def test_ends_the_connection_and_leaves_the_cookie(self, tracked):
        id, link = tracked.enter()
        tracked.reactor.result_of(tracked.tracker.kill(link.connection, "app.kicked"))
        assert link.done == ["discard", "detach", ("app.kicked", 1000)]
        assert tracked.stored_authid(id) == "joe"

    def test_with_the_logout_reason_ends_the_cookie_too(self, tracked):
        id, link = tracked.enter()
        _, sibling = tracked.visit(id)
        tracked.reactor.result_of(tracked.tracker.kill(link.connection, LOGOUT))
        assert id not in tracked.store.cookies
        assert link.reasons == sibling.reasons == [LOGOUT]


class TestTheEndOfAUser:
    def test_ends_records_and_sessions_and_no_one_elses(self, tracked):
        ids = [tracked.enter("joe")[0] for _ in range(3)]
        _, ann = tracked.enter("ann")
        assert revoke_user(tracked, "joe") == Ended(3, 3)
        assert not set(ids) & set(tracked.store.cookies)
        assert not ann.ended
        assert tracked.sessions() == {"ann"}

    def test_in_one_realm_leaves_the_other(self, tracked):
        _, here = tracked.visit()
        tracked.log_in(here, make_auth("joe", authrealm="realm1"))
        _, there = tracked.visit()
        tracked.log_in(there, make_auth("joe", authrealm="realm2"))
        assert revoke_user(tracked, "joe", "realm2") == Ended(1, 1)
        assert there.ended
        assert not here.ended

    def test_keeps_the_callers_own(self, tracked):
        mine, caller = tracked.enter()
        theirs, other = tracked.enter()
        assert revoke_user(tracked, "joe", keep=frozenset([mine])) == Ended(1, 1)
        assert theirs not in tracked.store.cookies
        assert tracked.stored_authid(mine) == "joe"
        assert other.ended
        assert not caller.ended

    @pytest.mark.parametrize("kept", ["short", "x" * 25, "a b,c d" * 4, None, 7, ("x",)])
    def test_keeps_nothing_for_what_is_no_id(self, tracked, kept):
        """Stores write ids one behind another, and split them again."""
        mine, _ = tracked.enter()
        revoked = []
        tracked.tracker._revoker.revoke_user = lambda user, actor: revoked.append(user.keep)
        tracked.tracker.revoke_user("joe", keep=frozenset([mine, kept]))
        assert revoked == [frozenset([mine])]

    def test_ends_a_session_whose_record_is_gone(self, tracked):
        id, link = tracked.enter()
        del tracked.store.cookies[id]
        assert revoke_user(tracked, "joe") == Ended(0, 1)
        assert link.ended

    def test_ends_who_was_admitted_by_cookie_and_has_sent_no_hello(self, tracked):
        id, first = tracked.enter()
        tracked.tracker.drop(first.connection)
        _, quiet = tracked.visit(id)
        assert revoke_user(tracked, "joe") == Ended(1, 1)
        assert quiet.ended

    def test_ends_everybody_where_nobody_is_named(self, tracked):
        links = [tracked.enter("joe")[1], tracked.enter("ann")[1], tracked.visit()[1]]
        assert revoke_user(tracked, None) == Ended(3, 3)
        assert all(link.ended for link in links)
        assert tracked.store.cookies == {}

    def test_refuses_a_login_that_began_before(self, tracked):
        id, link = tracked.visit()
        tracked.hello(link)
        revoke_user(tracked, "joe")
        with pytest.raises(LoginRefused):
            tracked.reactor.result_of(tracked.accept(link, "joe"))
        assert tracked.stored_authid(id) is None

    def test_lets_in_a_login_that_begins_after(self, tracked):
        revoke_user(tracked, "joe")
        id, _ = tracked.enter("joe")
        assert tracked.stored_authid(id) == "joe"

    def test_refuses_no_login_of_others_or_in_another_realm_or_on_what_is_kept(self, tracked):
        first, second, third = (tracked.visit() for _ in range(3))
        for _, link in (first, second, third):
            tracked.hello(link)
        revoke_user(tracked, "joe", "realm1", frozenset([third[0]]))
        for (_, link), auth in (
            (first, make_auth("ann")),
            (second, make_auth("joe", authrealm="realm2")),
            (third, make_auth("joe")),
        ):
            tracked.reactor.result_of(tracked.accept(link, auth))

    def test_ends_a_login_that_is_being_stored(self, slow, reactor):
        id, link = slow.visit()
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        ended = slow.tracker.revoke_user("joe")
        slow.store.commits.open()
        with pytest.raises(LoginRefused):
            reactor.result_of(accepted)
        reactor.result_of(ended)
        assert slow.stored_authid(id) is None
        assert slow.sessions() == set()

    def test_that_cannot_be_stored_is_in_force_here_and_tried_again(self, tracked, log):
        id, link = tracked.enter()
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            revoke_user(tracked, "joe", "realm1")
        assert link.reasons == [LOGOUT]
        assert tracked.authid(id) is None
        assert any("user 'joe' in realm 'realm1'" in text for text in log.at("critical"))
        tracked.store.recover()
        tracked.reactor.turn_until(lambda: tracked.reactor.advance(1) or _is_gone(tracked, id))
        again, _ = tracked.enter()
        assert tracked.stored_authid(again) == "joe"

    def test_is_published_for_the_user_and_for_each_cookie_that_was_connected(self, tracked, log):
        ids = {tracked.enter()[0] for _ in range(2)}
        events = []
        tracked.tracker.events.subscribe(events.append)
        revoke_user(tracked, "joe")
        assert {event.id for event in events} == {None, *ids}
        assert [event.detail for event in events if event.id is None] == ["2 cookies"]


def _is_gone(tracked, id):
    return id not in tracked.store.cookies and not tracked.tracker.pending

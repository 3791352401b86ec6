"""Cookies without a record: handed out where a login may follow, and stored by that login."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete, Touch, UserRevoked
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.events import Kind
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended
from tests.support.trackers import DAY, POLICY, Tracked
from tests.unit.test_remote import apply, remote_of

ROTATES = Policy(DAY, rotates=True)
IDLE = Policy(3600, idle_timeout=60, rotates=True)
EXPIRED = "cookietrack.close.expired"
JOE = make_auth("joe")


class TestAHandshake:
    def test_asks_the_store_nothing_and_leaves_nothing_in_it(self, tracked):
        events = []
        tracked.tracker.events.subscribe(events.append)
        _, links = zip(*[tracked.visit(policy=ROTATES) for _ in range(30)], strict=True)
        assert tracked.tracker.connected == 30
        for link in links:
            tracked.tracker.drop(link.connection)
        tracked.reactor.turn()
        assert tracked.store.loaded == tracked.store.committed == []
        assert tracked.tracker.connected == 0
        assert [event.kind for event in events] == [Kind.CREATED] * 30

    def test_is_given_no_value_that_a_connection_has(self, tracked):
        id, _ = tracked.visit(policy=ROTATES)
        tracked.ids = iter([id, make_id(9)])
        again, _ = tracked.visit(policy=ROTATES)
        assert again == make_id(9)

    def test_with_the_value_before_a_login_is_a_strangers(self, tracked):
        id, link = tracked.visit(policy=ROTATES)
        again, _ = tracked.visit(id, policy=ROTATES)
        assert again != id
        tracked.log_in(link)
        assert tracked.stored_authid(id) == "joe"

    def test_with_the_value_while_its_login_is_stored_waits_for_it(self, slow, reactor):
        id, link = slow.visit(policy=ROTATES)
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        reactor.turn_until(slow.store.commits.reached())
        again = slow.admit(id, policy=ROTATES)
        reactor.turn()
        assert not again.called
        slow.store.commits.open()
        reactor.result_of(accepted)
        assert reactor.result_of(again).cookie.auth.identity == JOE.identity


class TestALogin:
    def test_stores_record_and_login_in_one_change(self, tracked, reactor):
        id, link = tracked.visit(policy=ROTATES)
        reactor.advance(7)
        tracked.log_in(link)
        [[change]] = tracked.store.committed
        cookie = change.cookie
        assert isinstance(change, Create)
        assert (cookie.id, cookie.auth) == (id, JOE)
        assert (cookie.created, cookie.seen) == (NOW, NOW + 7_000)
        assert cookie.expires == NOW + DAY * 1000
        assert (cookie.peer, cookie.user_agent) == ("tcp4:192.0.2.1:52410", "Mozilla/5.0")
        assert tracked.sessions() == {"joe"}

    def test_again_by_the_same_identity_is_set_on_the_record(self, tracked):
        id, link = tracked.enter(policy=ROTATES)
        tracked.tracker.leave(link.connection)
        tracked.log_in(link, evolve(JOE, authextra={"a": 1}))
        assert tracked.store.cookies[id].auth.authextra == {"a": 1}
        assert len(tracked.store.changes) == 2

    def test_carries_the_position_that_was_known_at_its_hello(self, make_store, reactor):
        tracked = Tracked(make_store(), reactor, position=7)
        _, link = tracked.visit(policy=ROTATES)
        tracked.log_in(link)
        assert tracked.store.changes[-1].since == 7
        reactor.result_of(tracked.tracker.close())

    @pytest.mark.parametrize("policy", [Policy(10, rotates=True), Policy(99, 10, rotates=True)])
    def test_after_the_cookies_lifetime_is_refused_and_not_stored(self, slow, reactor, policy):
        _, link = slow.visit(policy=policy)
        slow.hello(link)
        slow.tracker._lifetimes.stop()
        reactor.advance(10 if policy.idle_timeout is None else 99)
        with pytest.raises(LoginRefused, match="expired"):
            reactor.result_of(slow.accept(link))
        assert slow.store.committed == []
        assert slow.sessions() == set()

    def test_whose_value_exists_is_refused_and_takes_nothing_over(self, tracked):
        id, link = tracked.visit(policy=ROTATES)
        tracked.store.cookies[id] = other = evolve(make_cookie(1, make_auth("ann")), id=id)
        with pytest.raises(LoginRefused):
            tracked.log_in(link)
        assert tracked.store.cookies == {id: other}
        assert tracked.sessions() == set()

    def test_that_could_not_be_stored_is_not_tried_again(self, tracked):
        """It may have been stored and deleted: a value is created once at most."""
        _, link = tracked.visit(policy=ROTATES)
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            tracked.log_in(link)
        tracked.store.recover()
        with pytest.raises(LoginRefused):
            tracked.log_in(link)
        assert tracked.store.cookies == {}

    def test_after_a_logout_on_the_same_connection_revives_nothing(self, tracked):
        _, link = tracked.enter(policy=ROTATES)
        tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        assert tracked.store.cookies == {}
        assert tracked.sessions() == {"joe"}

    def test_does_not_join_if_its_cookie_is_ended_during_it(self, slow, reactor):
        id, link = slow.visit(policy=ROTATES)
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        ended = slow.tracker.revoke([id])
        slow.store.commits.open()
        with pytest.raises(LoginRefused):
            reactor.result_of(accepted)
        reactor.result_of(ended)
        assert slow.store.cookies == {}
        assert slow.sessions() == set()


class TestTheRecordThatItReplaces:
    """One without a login, from a transport where that is of use."""

    @pytest.fixture
    def tracking(self, tracked):
        """Its id; nobody is connected with it."""
        id, link = tracked.visit()
        tracked.tracker.drop(link.connection)
        return id

    def test_is_deleted_with_the_login(self, tracked, tracking):
        id, link = tracked.visit(tracking, policy=ROTATES)
        assert set(tracked.store.cookies) == {tracking}
        tracked.log_in(link)
        tracked.reactor.turn_until(lambda: tracking not in tracked.store.cookies)
        assert set(tracked.store.cookies) == {id}

    def test_stays_if_the_store_cannot_delete_it_and_the_log_says_so(self, tracked, tracking, log):
        _, link = tracked.visit(tracking, policy=ROTATES)
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        tracked.log_in(link)
        line = f"cookie {tracking} cannot be removed: the disk is away"
        tracked.reactor.turn_until(lambda: log.at("error") == [line])
        assert tracking in tracked.store.cookies

    def test_stays_for_its_connections(self, tracked, tracking):
        tracked.visit(tracking)
        _, link = tracked.visit(tracking, policy=ROTATES)
        tracked.log_in(link)
        tracked.reactor.turn()
        assert tracking in tracked.store.cookies

    def test_stays_if_somebody_has_logged_in_with_it(self, tracked, tracking):
        _, link = tracked.visit(tracking, policy=ROTATES)
        _, other = tracked.visit(tracking)
        tracked.log_in(other, "ann")
        tracked.tracker.drop(other.connection)
        tracked.log_in(link)
        tracked.reactor.turn()
        assert tracked.stored_authid(tracking) == "ann"

    def test_stays_without_a_login(self, tracked, tracking):
        _, link = tracked.visit(tracking, policy=ROTATES)
        tracked.tracker.drop(link.connection)
        tracked.reactor.turn()
        assert tracking in tracked.store.cookies


class TestAConnection:
    def test_ends_when_its_time_is_up(self, tracked, reactor):
        _, link = tracked.visit(policy=Policy(10, rotates=True))
        reactor.advance(9)
        assert link.reasons == []
        reactor.advance(2)
        reactor.turn_until(lambda: link.reasons)
        assert link.reasons == [EXPIRED]
        assert tracked.store.loaded == []

    def test_that_says_something_stays_and_writes_nothing(self, tracked, reactor):
        _, link = tracked.visit(policy=IDLE)
        for _ in range(20):
            reactor.advance(30)
            link.connection.last_heard = tracked.tracker.clock.now()
            reactor.turn()
        assert link.reasons == []
        reactor.advance(80)
        reactor.turn_until(lambda: link.reasons)
        assert tracked.store.loaded == tracked.store.committed == []

    def test_that_logs_in_late_has_a_record_that_lives_from_then_on(self, tracked, reactor):
        id, link = tracked.visit(policy=IDLE)
        for _ in range(4):
            reactor.advance(30)
            link.connection.last_heard = tracked.tracker.clock.now()
            reactor.turn()
        tracked.log_in(link)
        assert tracked.store.cookies[id].expires == NOW + 180_000
        reactor.advance(40)
        link.connection.last_heard = tracked.tracker.clock.now()
        reactor.advance(10)
        reactor.turn_until(lambda: any(isinstance(each, Touch) for each in tracked.store.changes))
        assert link.reasons == []

    def test_is_ended_by_its_id(self, tracked):
        id, link = tracked.visit(policy=ROTATES)
        tracked.reactor.result_of(tracked.tracker.revoke([id]))
        assert link.reasons == [LOGOUT]

    def test_is_ended_with_everybody(self, tracked):
        _, link = tracked.visit(policy=ROTATES)
        tracked.reactor.result_of(tracked.tracker.revoke_user(None))
        assert link.reasons == [LOGOUT]

    def test_stays_when_nobody_can_tell_what_was_revoked(self, tracked):
        _, link = tracked.visit(policy=ROTATES)
        tracked.reactor.result_of(remote_of(tracked).resynchronize())
        assert link.reasons == []
        assert tracked.store.loaded == []

    def test_whose_record_was_made_and_deleted_elsewhere_does_not_join(self, slow, reactor):
        """The feed may tell of it before the store says that it was made."""
        id, link = slow.visit(policy=ROTATES)
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        accepted.addErrback(lambda failure: failure.value)
        told = remote_of(slow).apply([id])
        slow.store.commits.open()
        reactor.turn_until(lambda: id in slow.store.cookies)
        slow.store._apply(Delete(id))
        reactor.result_of(told)
        reactor.result_of(accepted)
        apply(slow, id)
        assert link.reasons == [LOGOUT]
        assert slow.sessions() == set()


def test_where_an_id_is_of_use_without_a_login_the_record_is_made_at_the_handshake(tracked):
    id, _ = tracked.visit(policy=POLICY)
    assert set(tracked.store.cookies) == {id}


class TestWhereACookieAlwaysRotates:
    """`rotate: "always"` (OWASP ASVS v5, 7.2.4)."""

    ALWAYS = Policy(DAY, rotates=True, always_rotates=True)

    def test_a_login_of_the_same_identity_ends_the_cookie_and_stays_in(self, tracked):
        id, thief = tracked.enter(policy=self.ALWAYS)
        _, link = tracked.visit(id, policy=self.ALWAYS)
        tracked.log_in(link)
        assert tracked.store.cookies == {}
        assert thief.reasons == [LOGOUT]
        assert (link.reasons, tracked.sessions()) == ([], {"joe"})
        again, _ = tracked.visit(id, policy=self.ALWAYS)
        assert again != id

    def test_a_second_login_on_the_connection_does_too(self, tracked):
        _, link = tracked.enter(policy=self.ALWAYS)
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        assert tracked.store.cookies == {}
        assert tracked.sessions() == {"joe"}

    def test_who_then_ends_all_others_stays_in_and_can_log_in_again(self, tracked):
        """Callers are known by the cookie of their handshake: `keep` has its id."""
        id, link = tracked.enter(policy=self.ALWAYS)
        _, other = tracked.enter(policy=self.ALWAYS)
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        ended = tracked.tracker.revoke_user("joe", "realm1", frozenset([id]))
        assert tracked.reactor.result_of(ended) == Ended(1, 1)
        assert (other.reasons, link.reasons, tracked.sessions()) == ([LOGOUT], [], {"joe"})
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        assert tracked.sessions() == {"joe"}

    def test_who_ends_all_others_elsewhere_stays_in(self, tracked):
        id, link = tracked.enter(policy=self.ALWAYS)
        tracked.log_in(link)
        apply(tracked, UserRevoked("joe", "realm1", frozenset([id])))
        assert (link.reasons, tracked.sessions()) == ([], {"joe"})

    def test_a_login_by_the_cookie_does_not(self, tracked):
        id, _ = tracked.enter(policy=self.ALWAYS)
        _, link = tracked.visit(id, policy=self.ALWAYS)
        tracked.hello(link)
        tracked.reactor.result_of(tracked.accept(link, stores=False))
        assert tracked.stored_authid(id) == "joe"


def test_a_logout_asks_the_store_for_nothing(tracked):
    """Of an anonymous session, say."""
    _, link = tracked.visit(policy=ROTATES)
    tracked.log_in(link, evolve(JOE, authmethod="anonymous"), stores=False)
    tracked.store.fail_commits()
    tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
    assert tracked.store.committed == []
    tracked.store.recover()


def test_a_login_whose_commit_was_cut_and_made_again_is_in(slow, reactor):
    """The second attempt finds what the first one has stored, and does not apply."""
    id, link = slow.visit(policy=ROTATES)
    slow.hello(link)
    commit = slow.store.commit

    def commit_twice(changes):
        commit(changes)
        return commit(changes)

    slow.store.commit = commit_twice
    reactor.result_of(slow.accept(link, evolve(JOE, at=NOW)))
    assert slow.sessions() == {"joe"}
    assert slow.stored_authid(id) == "joe"

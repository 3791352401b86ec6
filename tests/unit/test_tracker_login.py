"""Logins: durable before the session joins, and never of somebody who should be out."""

import pytest

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.trackers import DAY, POLICY

ROTATES = Policy(DAY, rotates=True)


def logins(store):
    return [change for change in store.changes if isinstance(change, Authenticate)]


class TestALogin:
    def test_is_durable_when_the_session_may_join(self, slow, reactor):
        id, link = slow.visit()
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        reactor.turn_until(slow.store.commits.reached(2))
        assert not accepted.called
        assert slow.sessions() == set()
        slow.store.commits.open()
        reactor.result_of(accepted)
        assert slow.stored_authid(id) == "joe"
        assert slow.sessions() == {"joe"}

    def test_has_the_time_in_its_record(self, tracked):
        id, link = tracked.visit()
        tracked.reactor.advance(5)
        tracked.log_in(link)
        assert tracked.store.cookies[id].seen == NOW + 5000

    def test_by_the_cookie_itself_writes_nothing(self, tracked):
        id, _ = tracked.enter()
        _, link = tracked.visit(id)
        assert tracked.hello(link).auth == make_auth("joe")
        tracked.reactor.result_of(tracked.accept(link, stores=False))
        assert len(logins(tracked.store)) == 1
        assert tracked.sessions() == {"joe"}

    def test_where_the_cookie_only_tracks_is_not_stored(self, tracked):
        id, link = tracked.visit()
        tracked.log_in(link, stores=False)
        assert tracked.stored_authid(id) is None
        assert tracked.sessions() == {"joe"}

    def test_on_the_same_identitys_cookie_is_stored_there(self, tracked):
        id, _ = tracked.enter(policy=ROTATES)
        again, link = tracked.visit(id, policy=ROTATES)
        assert again == id
        tracked.log_in(link, make_auth("joe", authextra={"a": 1}))
        assert tracked.store.cookies[id].auth.authextra == {"a": 1}

    def test_carries_the_position_that_was_known_at_its_hello(self, make_store, reactor):
        """Of a store with a feed: see `IUserRevocation`."""
        from tests.support.trackers import Tracked

        tracked = Tracked(make_store(), reactor, position=7)
        _, link = tracked.visit()
        tracked.log_in(link)
        assert logins(tracked.store)[-1].since == 7
        reactor.result_of(tracked.tracker.close())

    def test_by_a_cookie_that_was_just_given_and_ended_elsewhere_is_refused(self, tracked):
        id, link = tracked.visit()
        del tracked.store.cookies[id]
        with pytest.raises(LoginRefused):
            tracked.log_in(link)
        assert tracked.sessions() == set()

    def test_is_published_once(self, tracked, log):
        id, _ = tracked.enter()
        [line] = [text for text in log.at("info") if "authenticated" in text]
        assert id in line
        assert "authid=joe" in line


class TestALoginThatIsNotStored:
    @pytest.mark.parametrize("error", [StoreUnavailable, StoreFull, ValueError])
    def test_because_of_a_fault_does_not_join(self, tracked, error):
        _, link = tracked.visit()
        tracked.hello(link)
        tracked.store.fail_commits(error)
        with pytest.raises(error):
            tracked.reactor.result_of(tracked.accept(link))
        assert tracked.sessions() == set()
        tracked.store.recover()

    def test_because_its_record_is_gone_does_not_join(self, tracked):
        id, link = tracked.visit()
        tracked.hello(link)
        del tracked.store.cookies[id]
        with pytest.raises(LoginRefused):
            tracked.reactor.result_of(tracked.accept(link))
        assert tracked.sessions() == set()

    def test_does_not_join_on_a_connection_that_was_ended_during_it(self, slow, reactor):
        id, link = slow.visit()
        slow.hello(link)
        slow.store.commits.shut()
        accepted = slow.accept(link)
        ended = slow.tracker.revoke([id])
        slow.store.commits.open()
        with pytest.raises(LoginRefused):
            reactor.result_of(accepted)
        reactor.result_of(ended)
        assert slow.sessions() == set()
        assert id not in slow.store.cookies


class TestAHello:
    def test_changes_nothing(self, tracked):
        id, link = tracked.enter()
        _, other = tracked.visit(id)
        changes = len(logins(tracked.store))
        tracked.hello(other)
        assert tracked.stored_authid(id) == "joe"
        assert len(logins(tracked.store)) == changes
        assert not link.ended

    def test_finds_nothing_of_a_cookie_that_was_ended_elsewhere(self, make_store, make_tracked):
        tracked = make_tracked(make_store())
        id, _ = tracked.enter()
        _, link = tracked.visit(id)
        del tracked.store.cookies[id]
        assert tracked.hello(link) is None
        assert tracked.tracker.known(id, POLICY) is None

    def test_finds_nothing_where_the_truth_cannot_be_known(self, make_store, make_tracked, log):
        tracked = make_tracked(make_store())
        id, link = tracked.enter()
        tracked.store.fail_loads()
        assert tracked.hello(link) is None
        assert "the disk is away" in log.at("error")[-1]
        assert tracked.tracker.known(id, POLICY) is None
        tracked.store.recover()
        assert tracked.hello(link).auth == make_auth("joe")
        assert tracked.tracker.known(id, POLICY) is not None

    def test_finds_nothing_of_a_cookie_that_expired_by_this_transports_policy(self, tracked):
        id, _ = tracked.enter()
        strict = Policy(max_age=10)
        _, link = tracked.visit(id, policy=strict)
        assert tracked.tracker.known(id, strict) is not None
        tracked.reactor.advance(9.9)
        link.connection.ended = True
        tracked.reactor.advance(0.1)
        assert tracked.hello(link) is None

    def test_does_not_ask_for_a_cookie_that_the_connection_was_just_given(self, tracked):
        _, link = tracked.visit()
        loads = len(tracked.store.loaded)
        assert tracked.hello(link).auth is None
        assert len(tracked.store.loaded) == loads

    def test_does_not_ask_a_store_whose_feed_is_heard(self, make_store, make_tracked):
        tracked = make_tracked(make_store(reads_block=True, commits_block=True))
        id, _ = tracked.enter()
        _, link = tracked.visit(id)
        loads = len(tracked.store.loaded)
        assert tracked.hello(link).auth == make_auth("joe")
        assert len(tracked.store.loaded) == loads


class TestAnothersCookie:
    """Session fixation: OWASP ASVS v5, 7.2.4."""

    @pytest.fixture(
        params=[make_auth("ann"), make_auth("joe", authrealm="corp")],
        ids=["another user", "the same name in another realm"],
    )
    def victim(self, request):
        return request.param

    def test_is_ended_and_does_not_become_the_victims(self, tracked, victim):
        id, planter = tracked.enter("joe", policy=ROTATES)
        _, link = tracked.visit(id, policy=ROTATES)
        tracked.log_in(link, victim)
        assert id not in tracked.store.cookies
        assert planter.reasons == [LOGOUT]
        assert not link.ended
        assert link.done == ["forget"]
        assert tracked.sessions() == {victim.authid}

    def test_that_cannot_be_ended_lets_nobody_join(self, tracked, victim):
        id, _ = tracked.enter("joe", policy=ROTATES)
        _, link = tracked.visit(id, policy=ROTATES)
        tracked.hello(link)
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.accept(link, victim))
        assert tracked.sessions() == set()
        tracked.store.recover()

    def test_becomes_the_others_where_it_does_not_rotate_and_the_owners_sessions_end(
        self, tracked, victim
    ):
        id, first = tracked.enter("joe")
        _, link = tracked.visit(id)
        tracked.log_in(link, victim)
        assert tracked.store.cookies[id].auth.identity == victim.identity
        tracked.reactor.turn()
        assert first.reasons == [LOGOUT]
        assert not link.ended

    def test_without_a_login_is_stored_where_it_was_handed_out(self, tracked):
        id, link = tracked.visit(policy=ROTATES)
        tracked.log_in(link)
        assert tracked.stored_authid(id) == "joe"


class TestALoginAfterALogoutOnTheSameConnection:
    def test_joins_and_revives_nothing(self, tracked):
        id, link = tracked.enter()
        tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        assert tracked.sessions() == {"joe"}
        assert id not in tracked.store.cookies

    def test_is_ended_with_its_user(self, tracked):
        _, link = tracked.enter()
        tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
        tracked.tracker.leave(link.connection)
        tracked.log_in(link)
        ended = tracked.reactor.result_of(tracked.tracker.revoke_user("joe"))
        assert (ended.cookies, ended.connections) == (0, 1)
        assert link.reasons == [LOGOUT]


class TestWithoutACookie:
    """`on_failure: anonymous`: the store was away at the handshake."""

    def test_a_session_joins_and_is_ended_with_its_user(self, tracked):
        from tests.support.connections import FakeLink

        link = FakeLink()
        link.connection = tracked.tracker.enter(None, POLICY, link)
        tracked.log_in(link)
        assert tracked.sessions() == {"joe"}
        tracked.reactor.result_of(tracked.tracker.revoke_user("joe", "realm1"))
        assert link.reasons == [LOGOUT]

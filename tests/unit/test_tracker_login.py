"""Logins: seen at once, durable before anybody is told, and never survived by what is gone."""

import pytest

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate
from cookietrack_plugin.testing.samples import NOW, make_id
from tests.support.trackers import DAY

ROTATES = Policy(DAY, rotates=True)


@pytest.fixture(params=[False, True], ids=["quick reads", "slow reads"])
def slow(request, make_store, make_tracked):
    """A tracker whose commits can be held."""
    return make_tracked(make_store(reads_block=request.param, commits_block=True))


def logins(store):
    return [change for change in store.changes if isinstance(change, Authenticate)]


class TestALogin:
    def test_is_seen_at_once_and_durable_once_it_has_settled(self, tracked):
        id, _ = tracked.visit()
        assert tracked.log_in(id, "joe")
        assert tracked.authid(id) == "joe"
        tracked.settle(id)
        assert tracked.stored_authid(id) == "joe"
        assert tracked.authid(id) == "joe"

    def test_is_waited_for(self, slow, reactor):
        id, _ = slow.visit()
        slow.store.commits.shut()
        slow.log_in(id)
        settled = slow.tracker.settled(id)
        reactor.turn()
        assert not settled.called
        slow.store.commits.open()
        reactor.result_of(settled)
        assert slow.stored_authid(id) == "joe"

    def test_has_the_time_in_its_record(self, tracked):
        id, _ = tracked.visit()
        tracked.reactor.advance(5)
        tracked.log_in(id)
        tracked.settle(id)
        assert tracked.store.cookies[id].seen == NOW + 5000
        assert tracked.tracker.current(id).seen == NOW + 5000

    def test_that_says_nothing_new_is_not_written_again(self, tracked):
        """Crossbar calls setAuth again for every reconnect by cookie."""
        id, _ = tracked.visit()
        tracked.log_in(id)
        tracked.settle(id)
        assert not tracked.log_in(id)
        assert len(logins(tracked.store)) == 1

    def test_takes_the_place_of_another(self, tracked):
        id, _ = tracked.visit()
        tracked.log_in(id, "joe")
        assert tracked.log_in(id, "ann")
        tracked.settle(id)
        assert tracked.stored_authid(id) == tracked.authid(id) == "ann"

    def test_can_be_forgotten_and_the_cookie_stays(self, tracked):
        id, _ = tracked.visit()
        tracked.log_in(id)
        assert tracked.log_in(id, None)
        tracked.settle(id)
        assert tracked.store.cookies[id].auth is None
        assert tracked.authid(id) is None

    def test_on_a_cookie_that_was_ended_is_not_stored_and_does_not_revive_it(self, tracked):
        id, _ = tracked.visit()
        ended = tracked.tracker.revoke(id)
        assert not tracked.log_in(id)
        tracked.reactor.result_of(ended)
        assert not tracked.log_in(id)
        assert id not in tracked.store.cookies
        assert tracked.authid(id) is None

    def test_on_a_cookie_that_has_expired_is_not_stored(self, tracked):
        id, _ = tracked.visit()
        tracked.reactor.advance(DAY)
        assert not tracked.log_in(id)
        assert logins(tracked.store) == []

    def test_on_an_id_that_nobody_has_is_not_stored(self, tracked):
        assert not tracked.log_in(make_id(99))
        assert tracked.settle(make_id(99)) is None

    def test_is_told_with_who_and_how_once_it_is_durable(self, slow, log):
        id, _ = slow.visit()
        slow.store.commits.shut()
        slow.log_in(id)
        slow.reactor.turn()
        assert not [text for text in log.at("info") if "authenticated" in text]
        slow.store.commits.open()
        slow.settle(id)
        [line] = [text for text in log.at("info") if "authenticated" in text]
        for part in (id, "authid=joe", "authrealm=realm1", "detail=ticket"):
            assert part in line
        assert slow.tracker.measures.events["authenticated"] == 1

    def test_two_in_one_batch_leave_the_later_one(self, slow):
        id, _ = slow.visit()
        slow.store.commits.shut()
        slow.admit()
        slow.reactor.turn_until(slow.store.commits.reached(2))
        slow.log_in(id, "joe")
        slow.log_in(id, "ann")
        slow.store.commits.open()
        slow.settle(id)
        assert slow.stored_authid(id) == "ann"
        assert [change.auth.authid for change in slow.store.committed[-1]] == ["joe", "ann"]


class TestALoginThatCannotBeStored:
    @pytest.mark.parametrize("error", [StoreUnavailable, StoreFull, ValueError])
    def test_does_not_settle(self, tracked, error, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits(error)
        tracked.log_in(id)
        with pytest.raises(error):
            tracked.settle(id)
        assert log.at("error") == [f"cookie {id} cannot be stored: the disk is away"]

    def test_does_not_settle_however_long_ago_that_was(self, tracked, log):
        """Through a proxy, WELCOME comes much later than the login is stored."""
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        tracked.log_in(id)
        tracked.reactor.turn_until(lambda: log.at("error"))
        tracked.reactor.advance(20)
        tracked.reactor.turn()
        with pytest.raises(StoreUnavailable):
            tracked.settle(id)

    def test_does_not_settle_for_anybody_who_asks(self, tracked, log):
        """Or a sibling that asks first would let the login's own WELCOME go."""
        id, _ = tracked.visit()
        tracked.visit(id)
        tracked.store.fail_commits()
        tracked.log_in(id)
        tracked.reactor.turn_until(lambda: log.at("error"))
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                tracked.settle(id)

    def test_is_not_seen_afterwards(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        tracked.log_in(id)
        tracked.reactor.turn_until(lambda: log.at("error"))
        assert tracked.authid(id) is None

    def test_is_not_seen_afterwards_where_two_came_at_once(self, slow, log):
        id, _ = slow.visit()
        slow.visit(id)
        slow.store.fail_commits()
        slow.log_in(id, "joe")
        slow.log_in(id, "ann")
        slow.reactor.turn_until(lambda: len(log.at("error")) == 2)
        assert slow.authid(id) is None
        slow.store.recover()
        # It is not taken for one that is stored already.
        assert slow.log_in(id, "joe")
        slow.settle(id)
        assert slow.stored_authid(id) == "joe"

    def test_is_not_seen_afterwards_where_a_handshake_had_seen_it(self, slow, log):
        id, _ = slow.visit()
        slow.store.commits.shut()
        slow.log_in(id)
        slow.visit(id)
        assert slow.authid(id) == "joe"
        slow.store.fail_commits()
        slow.store.commits.open()
        slow.reactor.turn_until(lambda: log.at("error"))
        assert slow.authid(id) is None

    def test_is_forgotten_when_a_later_one_is_stored(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_commits()
        tracked.log_in(id, "joe")
        tracked.reactor.turn_until(lambda: log.at("error"))
        tracked.store.recover()
        tracked.log_in(id, "joe")
        tracked.settle(id)
        assert tracked.stored_authid(id) == "joe"

    def test_is_forgotten_when_one_that_was_under_way_already_is_stored(self, slow, log):
        id, _ = slow.visit()
        slow.visit(id)
        slow.store.fail_commits(ValueError, of=lambda change: change.auth == slow.auth("joe"))
        slow.log_in(id, "joe")
        slow.log_in(id, "ann")
        slow.reactor.turn_until(lambda: slow.stored_authid(id) == "ann" and log.at("error"))
        slow.reactor.turn_until(lambda: slow.tracker.committer.pending == 0)
        slow.settle(id)

    @pytest.mark.parametrize("when", ["before the failure", "after the failure"])
    def test_does_not_harm_those_who_come_when_its_connection_is_gone(self, tracked, log, when):
        id, client = tracked.visit()
        tracked.store.fail_commits()
        if tracked.store.commits_block:
            tracked.store.commits.shut()
        tracked.log_in(id)
        if when == "before the failure":
            tracked.tracker.drop(id, client)
        tracked.store.commits.open()
        tracked.reactor.turn_until(lambda: log.at("error"))
        tracked.tracker.drop(id, client)
        tracked.store.recover()
        tracked.visit(id)
        tracked.settle(id)

    def test_fails_alone_in_its_batch(self, slow):
        first, _ = slow.visit()
        second, _ = slow.visit()
        slow.store.commits.shut()
        slow.admit()
        slow.reactor.turn_until(slow.store.commits.reached(3))
        slow.log_in(first)
        slow.log_in(second)
        slow.store.fail_commits(ValueError, of=lambda change: change.id == first)
        slow.store.commits.open()
        with pytest.raises(ValueError, match="the disk is away"):
            slow.settle(first)
        slow.settle(second)
        assert slow.stored_authid(second) == "joe"


class TestWhenTheTruthCannotBeKnown:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        """A tracker that reads in place."""
        return make_tracked(make_store(commits_block=True))

    def test_nobody_is_known_and_the_cause_is_logged(self, tracked, log):
        id, _ = tracked.visit()
        tracked.store.fail_loads(OSError)
        assert tracked.tracker.current(id) is None
        [line] = log.at("critical")
        assert id in line

    def test_a_login_is_not_stored_and_does_not_settle(self, tracked):
        id, client = tracked.visit()
        tracked.tracker.drop(id, client)
        tracked.visit(id)
        tracked.store.fail_loads()
        assert not tracked.log_in(id)
        with pytest.raises(StoreUnavailable):
            tracked.settle(id)


class TestAFreshCookie:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        """A tracker that reads in place."""
        return make_tracked(make_store(commits_block=True))

    def test_needs_no_look_up_before_its_first_login(self, tracked):
        id, _ = tracked.visit()
        tracked.store.fail_loads()
        assert tracked.log_in(id)
        tracked.settle(id)
        assert tracked.stored_authid(id) == "joe"

    def test_that_another_worker_has_ended_is_not_revived_by_it(self, tracked, log):
        id, _ = tracked.visit()
        del tracked.store.cookies[id]
        tracked.log_in(id)
        tracked.settle(id)
        assert id not in tracked.store.cookies
        assert not [line for line in log.at("info") if "authenticated" in line]


class TestWhereALoginIsOffered:
    """A planted cookie is worth nothing (session fixation)."""

    def test_a_login_on_a_cookie_of_this_handshake_is_stored(self, tracked):
        id, _ = tracked.visit(policy=ROTATES)
        assert tracked.log_in(id, policy=ROTATES)
        tracked.settle(id)
        assert tracked.stored_authid(id) == "joe"

    def test_a_login_on_a_cookie_from_elsewhere_is_not(self, tracked):
        id, _ = tracked.visit()
        tracked.tracker.drop(id, next(iter(tracked.tracker.connections.of(id))))
        tracked.visit(id)
        assert not tracked.log_in(id, policy=ROTATES)
        assert tracked.stored_authid(id) is None

    def test_a_login_of_the_same_user_is_stored_again(self, tracked):
        id, client = tracked.visit(policy=ROTATES)
        tracked.log_in(id, policy=ROTATES)
        tracked.settle(id)
        tracked.tracker.drop(id, client)
        tracked.visit(id, ROTATES)
        tracked.log_in(id, None, ROTATES)
        assert tracked.log_in(id, "joe", ROTATES)
        tracked.settle(id)
        assert tracked.stored_authid(id) == "joe"

    def test_a_login_of_another_user_ends_the_cookie_but_not_the_one_who_logs_in(self, tracked):
        id, planter = tracked.visit(policy=ROTATES)
        tracked.log_in(id, "mallory", ROTATES)
        tracked.settle(id)
        _, victim = tracked.visit(id, ROTATES, logging_in=True)
        assert not tracked.log_in(id, "ann", ROTATES)
        tracked.settle(id)
        tracked.reactor.turn_until(lambda: planter.ended)
        assert planter.ended == ["wamp.close.logout"]
        assert victim.ended == []
        assert id not in tracked.store.cookies
        assert tracked.reactor.result_of(tracked.admit(id)).created

    def test_a_login_of_another_user_while_the_first_is_not_stored_yet_ends_it_too(self, slow):
        id, _ = slow.visit(policy=ROTATES)
        slow.store.commits.shut()
        slow.log_in(id, "mallory", ROTATES)
        slow.log_in(id, "ann", ROTATES)
        slow.store.commits.open()
        slow.settle(id)
        assert id not in slow.store.cookies


class TestABar:
    @pytest.mark.parametrize("barred", ["joe", None])
    def test_ends_the_cookie_of_a_login_on_arrival(self, tracked, barred):
        id, client = tracked.visit()
        tracked.tracker.endings.bar(barred)
        assert not tracked.log_in(id, "joe")
        tracked.settle(id)
        tracked.reactor.turn_until(lambda: client.ended)
        assert id not in tracked.store.cookies

    def test_of_one_user_is_none_for_another(self, tracked):
        id, _ = tracked.visit()
        tracked.tracker.endings.bar("joe")
        assert tracked.log_in(id, "ann")

    def test_ends_when_everyone_who_set_it_has_taken_it_back(self, tracked):
        id, _ = tracked.visit()
        tracked.tracker.endings.bar("joe")
        tracked.tracker.endings.bar("joe")
        tracked.tracker.endings.unbar("joe")
        assert not tracked.log_in(id, "joe")
        tracked.tracker.endings.unbar("joe")
        second, _ = tracked.visit()
        assert tracked.log_in(second, "joe")

    def test_leaves_nothing_behind(self, tracked):
        tracked.tracker.endings.bar("joe")
        tracked.tracker.endings.unbar("joe")
        assert not tracked.tracker.endings._barred


class TestWhatAnotherNodeDid:
    def test_to_a_record_is_known_here(self, make_store, make_tracked):
        tracked = make_tracked(make_store(reads_block=True, commits_block=True))
        id, client = tracked.visit()
        tracked.log_in(id)
        tracked.settle(id)
        cookie = tracked.store.cookies[id]
        tracked.log_in(id, None)
        tracked.settle(id)
        assert tracked.authid(id) is None
        tracked.tracker.refresh(cookie)
        assert tracked.authid(id) == "joe"
        assert client.forgot == 0

    def test_to_a_login_makes_its_connections_forget_it(self, tracked):
        id, client = tracked.visit()
        tracked.tracker.refresh(tracked.store.cookies[id])
        assert client.forgot == 1

    def test_to_a_cookie_that_nobody_here_has_is_nothing(self, tracked):
        id, client = tracked.visit()
        tracked.tracker.drop(id, client)
        tracked.tracker.refresh(tracked.store.cookies[id])
        assert len(tracked.tracker.connections) == 0

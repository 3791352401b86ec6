"""Handshakes: who comes with a cookie of ours goes on with it, everybody else gets a new one."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.login import LoginRefused
from tests.support.trackers import DAY, POLICY

EXPIRES = NOW + DAY * 1000
UNKNOWN = make_id(77)


def admission(tracked, *presented, policy=POLICY):
    return tracked.reactor.result_of(tracked.admit(*presented, policy=policy))


class TestAVisitorWithoutACookie:
    def test_gets_a_new_one_that_is_in_the_store(self, tracked):
        admitted = admission(tracked)
        assert admitted.created
        assert admitted.limit == EXPIRES
        assert tracked.store.cookies == {admitted.cookie.id: admitted.cookie}

    def test_is_described_in_it(self, tracked):
        cookie = admission(tracked).cookie
        assert (cookie.created, cookie.seen, cookie.expires) == (NOW, NOW, EXPIRES)
        assert (cookie.peer, cookie.user_agent) == ("tcp4:192.0.2.1:52410", "Mozilla/5.0")
        assert cookie.auth is None

    def test_waits_until_it_is_durable(self, make_store, make_tracked, reactor):
        store = make_store(commits_block=True)
        tracked = make_tracked(store)
        store.commits.shut()
        admitted = tracked.admit()
        reactor.turn_until(store.commits.reached())
        reactor.turn()
        assert not admitted.called
        store.commits.open()
        assert reactor.result_of(admitted).cookie.id in store.cookies

    def test_gets_another_id_where_the_first_exists_and_nothing_is_overwritten(self, tracked):
        first = admission(tracked)
        tracked.ids = iter([first.cookie.id, first.cookie.id, make_id(5)])
        second = admission(tracked)
        assert second.cookie.id == make_id(5)
        assert tracked.store.cookies[first.cookie.id] == first.cookie

    @pytest.mark.parametrize("error", [StoreUnavailable, StoreFull, ValueError])
    def test_is_refused_when_it_cannot_be_stored(self, tracked, error):
        tracked.store.fail_commits(error)
        with pytest.raises(error):
            admission(tracked)
        tracked.store.recover()
        assert admission(tracked).created


class TestAVisitorWithACookieOfOurs:
    def test_goes_on_with_it(self, tracked):
        first = admission(tracked)
        again = admission(tracked, first.cookie.id)
        assert not again.created
        assert again.cookie == first.cookie
        assert len(tracked.store.cookies) == 1

    def test_is_still_who_it_was(self, tracked):
        id, _ = tracked.enter("joe")
        assert admission(tracked, id).cookie.auth == make_auth("joe")

    @pytest.mark.parametrize("reads_block", [False, True])
    @pytest.mark.parametrize("error", [None, StoreFull])
    def test_waits_for_a_login_that_is_being_stored(
        self, make_store, make_tracked, reactor, reads_block, error
    ):
        """Another tab, which must not be in by a login that is not stored in the end."""
        tracked = make_tracked(make_store(reads_block, commits_block=True))
        id, link = tracked.visit()
        tracked.store.commits.shut()
        accepted = tracked.accept(link, "joe").addErrback(lambda _: None)
        admitted = tracked.admit(id)
        reactor.turn_until(tracked.store.commits.reached(2))
        assert not admitted.called
        if error:
            tracked.store.fail_commits(error)
        tracked.store.commits.open()
        reactor.result_of(accepted)
        assert reactor.result_of(admitted).cookie.auth == (None if error else make_auth("joe"))

    def test_is_refused_when_the_truth_cannot_be_known(self, tracked):
        id = admission(tracked).cookie.id
        tracked.store.fail_loads()
        with pytest.raises(StoreUnavailable):
            admission(tracked, id)
        tracked.store.recover()
        assert not admission(tracked, id).created


class TestAVisitorWithAWorthlessCookie:
    def test_that_we_did_not_issue_gets_a_new_one(self, tracked):
        admitted = admission(tracked, UNKNOWN)
        assert admitted.created
        assert admitted.cookie.id != UNKNOWN
        assert UNKNOWN not in tracked.store.cookies

    def test_that_has_expired_gets_a_new_one_though_the_record_is_still_there(self, tracked):
        id = admission(tracked).cookie.id
        tracked.reactor.advance(DAY - 1)
        assert not admission(tracked, id).created
        tracked.reactor.advance(1)
        assert id in tracked.store.cookies
        assert admission(tracked, id).created

    def test_that_was_ended_gets_a_new_one(self, tracked):
        id = admission(tracked).cookie.id
        tracked.reactor.result_of(tracked.tracker.revoke([id]))
        assert admission(tracked, id).cookie.id != id

    def test_that_was_ended_an_instant_ago_gets_a_new_one(self, make_store, make_tracked, reactor):
        for reads_block in (False, True):
            store = make_store(reads_block, commits_block=True)
            tracked = make_tracked(store)
            id = admission(tracked).cookie.id
            store.commits.shut()
            ended = tracked.tracker.revoke([id])
            again = tracked.admit(id)
            store.commits.open()
            assert reactor.result_of(again).cookie.id != id
            reactor.result_of(ended)

    def test_by_this_transports_policy_gets_a_new_one(self, tracked):
        id = admission(tracked).cookie.id
        tracked.reactor.advance(60)
        assert admission(tracked, id, policy=Policy(DAY, idle_timeout=60)).created


class TestALookUpThatIsOvertakenByTheEndOfItsCookie:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        return make_tracked(make_store(reads_block=True, commits_block=True))

    def test_does_not_bring_it_back(self, tracked, reactor):
        """The record lies in the reader's hands while its deletion becomes durable."""
        id, _ = tracked.visit()
        tracked.store.reads.shut()
        again = tracked.admit(id)
        reactor.turn_until(tracked.store.reads.reached())
        reactor.result_of(tracked.tracker.revoke([id]))
        assert id not in tracked.store.cookies
        tracked.store.reads.open()
        assert reactor.result_of(again).cookie.id != id

    def test_does_not_bring_it_back_either_if_only_the_second_attempt_was_stored(
        self, tracked, reactor, log
    ):
        id, _ = tracked.visit()
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        with pytest.raises(StoreUnavailable):
            reactor.result_of(tracked.tracker.revoke([id]))
        tracked.store.reads.shut()
        again = tracked.admit(id)
        reactor.turn_until(tracked.store.reads.reached())
        tracked.store.recover()
        reactor.advance(1)
        reactor.turn_until(lambda: f"the end of cookie {id} is stored now" in log.at("info"))
        tracked.store.reads.open()
        assert reactor.result_of(again).cookie.id != id


class TestTheQueueOfWrites:
    def test_has_a_bound_beyond_which_handshakes_are_refused_at_once(
        self, make_store, make_tracked, reactor
    ):
        store = make_store(commits_block=True)
        tracked = make_tracked(store)
        store.commits.shut()
        policy = Policy(DAY, max_pending=2)
        waiting = [tracked.admit(policy=policy) for _ in range(2)]
        refused = tracked.admit(policy=policy)
        assert refused.called
        with pytest.raises(StoreUnavailable, match="2 writes are waiting for the store"):
            reactor.result_of(refused)
        store.commits.open()
        for each in waiting:
            reactor.result_of(each)
        assert reactor.result_of(tracked.admit(policy=policy)).created

    def test_does_not_keep_out_those_who_have_a_cookie(self, make_store, make_tracked, reactor):
        store = make_store(commits_block=True)
        tracked = make_tracked(store)
        id, _ = tracked.visit()
        store.commits.shut()
        tracked.admit()
        assert not reactor.result_of(tracked.admit(id, policy=Policy(DAY, max_pending=1))).created
        store.commits.open()


class TestWhereALoginIsOffered:
    """A planted cookie is worth nothing (session fixation)."""

    POLICY = Policy(DAY, rotates=True)

    def test_a_cookie_without_a_login_is_exchanged(self, tracked):
        id = admission(tracked).cookie.id
        again = admission(tracked, id, policy=self.POLICY)
        assert again.created
        assert again.cookie.id != id

    def test_a_cookie_with_a_login_stays(self, tracked):
        id, _ = tracked.enter(policy=self.POLICY)
        assert admission(tracked, id, policy=self.POLICY).cookie.id == id


class TestAStoreThatGoesAndComesBack:
    @pytest.fixture
    def refuse(self, tracked):
        """A function that lets a handshake fail."""

        def refuse():
            tracked.store.fail_commits(StoreFull)
            with pytest.raises(StoreFull):
                tracked.visit()
            tracked.store.recover()

        return refuse

    def test_is_told_of_once_when_it_goes(self, refuse, log):
        for _ in range(3):
            refuse()
        assert log.at("error") == ["the cookie store does not answer: the disk is away"]

    def test_is_told_of_once_when_it_comes_back(self, tracked, refuse, log):
        refuse()
        tracked.reactor.advance(6)
        for _ in range(3):
            tracked.visit()
        assert [text for text in log.at("info") if "again" in text] == [
            "the cookie store answers again"
        ]

    def test_is_told_of_again_when_it_goes_again(self, tracked, refuse, log):
        for _ in range(2):
            refuse()
            tracked.reactor.advance(6)
            tracked.visit()
        assert len(log.at("error")) == 2

    def test_is_not_told_of_with_every_handshake_where_only_some_of_them_fail(
        self, tracked, refuse, log
    ):
        """On a full disk, those who have a cookie still get in."""
        id, _ = tracked.visit()
        for _ in range(20):
            refuse()
            tracked.visit(id)
            tracked.reactor.advance(1)
        assert len(log.at("error")) == 1
        assert not [text for text in log.at("info") if "again" in text]


class TestWhatIsCountedAndPublished:
    def test_new_and_returning_visitors(self, tracked):
        id, _ = tracked.visit()
        tracked.visit(id)
        tracked.visit(UNKNOWN)
        assert tracked.tracker.metrics.handshakes == {"new": 2, "returning": 1}

    def test_refused_ones_with_the_cause(self, tracked):
        tracked.store.fail_commits(StoreFull)
        with pytest.raises(StoreFull):
            admission(tracked, UNKNOWN)
        assert tracked.tracker.metrics.handshakes["refused"] == 1
        assert tracked.tracker.metrics.faults == {"StoreFull": 1}
        assert tracked.tracker.metrics.events["refused"] == 1

    def test_one_line_for_each_new_cookie_with_its_id(self, tracked, log):
        id, _ = tracked.visit()
        assert [text for text in log.at("debug") if "created" in text and id in text]


def test_a_returning_visitor_is_seen_but_not_waited_for(tracked):
    id, _ = tracked.visit()
    tracked.reactor.advance(100)
    commits = len(tracked.store.committed)
    cookie = admission(tracked, id).cookie
    assert cookie.seen == NOW + 100_000
    assert len(tracked.store.committed) == commits
    tracked.reactor.advance(10)
    tracked.reactor.turn_until(lambda: tracked.store.cookies[id].seen == NOW + 100_000)


def test_an_update_never_brings_a_record_back(tracked):
    tracked.store.cookies[UNKNOWN] = evolve(make_cookie(77), expires=EXPIRES)
    _, link = tracked.visit(UNKNOWN)
    del tracked.store.cookies[UNKNOWN]
    tracked.hello(link)
    with pytest.raises(LoginRefused):
        tracked.reactor.result_of(tracked.accept(link))
    assert UNKNOWN not in tracked.store.cookies
    assert not [change for change in tracked.store.changes if isinstance(change, Create)]


class TestSeveralValuesUnderOurName:
    """RFC 6265 lets a browser send cookies of other paths and domains under the same name."""

    def test_the_valid_one_counts(self, tracked):
        id, _ = tracked.visit()
        assert admission(tracked, UNKNOWN, id, make_id(78)).cookie.id == id

    def test_of_several_valid_ones_the_only_one_with_a_login_counts(self, tracked):
        stranger, _ = tracked.visit()
        joes, _ = tracked.enter("joe")
        assert admission(tracked, stranger, joes).cookie.id == joes

    def test_of_two_with_a_login_none_counts(self, tracked):
        joes, anns = tracked.enter("joe")[0], tracked.enter("ann")[0]
        assert admission(tracked, joes, anns).created

    def test_of_two_without_a_login_none_counts(self, tracked):
        first, second = tracked.visit()[0], tracked.visit()[0]
        assert admission(tracked, first, second).created

    def test_one_that_is_ended_does_not_stand_in_the_way(self, tracked):
        joes, anns = tracked.enter("joe")[0], tracked.enter("ann")[0]
        tracked.reactor.result_of(tracked.tracker.revoke([anns]))
        assert admission(tracked, anns, joes).cookie.id == joes


class TestTheStrictestPolicyBinds:
    """One store under transports with other lifetimes, or after a restart with shorter ones."""

    @pytest.mark.parametrize(
        "policy",
        [
            Policy(max_age=3),
            Policy(max_age=3, rolling=True),
            Policy(max_age=DAY, rolling=True, absolute_max_age=3),
            Policy(max_age=DAY, idle_timeout=3),
        ],
    )
    def test_at_a_handshake(self, tracked, policy):
        id, _ = tracked.visit(policy=Policy(max_age=3600))
        tracked.reactor.advance(6)
        assert admission(tracked, id, policy=policy).created
        assert not admission(tracked, id, policy=Policy(max_age=3600)).created

    def test_a_laxer_policy_lengthens_no_record(self, tracked):
        id, _ = tracked.visit(policy=Policy(max_age=3))
        tracked.reactor.advance(6)
        assert admission(tracked, id, policy=Policy(max_age=3600)).created

    def test_a_stricter_policy_shortens_no_record(self, tracked):
        id, _ = tracked.visit(policy=Policy(max_age=3600))
        tracked.visit(id, policy=Policy(max_age=60, idle_timeout=3))
        tracked.reactor.advance(10)
        tracked.reactor.turn_until(lambda: not tracked.tracker.pending)
        assert tracked.store.cookies[id].expires == NOW + 3_600_000

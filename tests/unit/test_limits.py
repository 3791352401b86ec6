"""How many logins a user has, in this worker and among several."""

from itertools import count

import pytest
from attrs import evolve

from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.testing.samples import make_auth, make_id
from cookietrack_plugin.tracking.events import Kind
from cookietrack_plugin.tracking.limits import TooManySessions
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.settlement import DELAY_S
from tests.support.trackers import DAY

EXCESS = "cookietrack.close.too_many_sessions"
TWO = Policy(DAY, max_sessions=2)
DENY_TWO = Policy(DAY, max_sessions=2, ends_oldest=False)
BOTH = pytest.mark.parametrize("policy", [TWO, DENY_TWO], ids=["end_oldest", "deny"])


@pytest.fixture
def slow(make_store, make_tracked):
    """A tracker whose commits can be held."""
    return make_tracked(make_store(commits_block=True))


@pytest.fixture
def workers(make_store, make_tracked):
    """Two of them, on one store."""
    store = make_store(commits_block=True)
    both = [make_tracked(store, position=number) for number in (1, 2)]
    both[1].ids = (make_id(number) for number in count(1000))
    return both


def stored(tracked, *identity):
    """The ids of a user's records."""
    return sorted(
        id
        for id, cookie in tracked.store.cookies.items()
        if cookie.auth and cookie.auth.identity == (identity or ("joe", "realm1"))
    )


def enter(tracked, policy, seconds=1, **kwargs):
    """A login, some time after the one before."""
    tracked.reactor.advance(seconds)
    return tracked.enter(policy=policy, **kwargs)


def begin(tracked, policy, user="joe"):
    """A login that may not be over yet: its connection, and what fires."""
    _, link = tracked.visit(policy=policy)
    tracked.hello(link)
    return link, tracked.accept(link, user)


def outcome(reactor, accepted):
    try:
        reactor.result_of(accepted)
    except (TooManySessions, LoginRefused, StoreUnavailable) as error:
        return type(error)
    return None


class TestBeyondIt:
    def test_the_one_that_was_heard_longest_ago_is_ended(self, tracked):
        (first, gone), *rest = (enter(tracked, TWO) for _ in range(3))
        assert stored(tracked) == [id for id, _ in rest]
        assert gone.reasons == [EXCESS]
        assert not any(link.ended for _, link in rest)
        assert tracked.reactor.result_of(tracked.tracker.find(first)) is None

    def test_its_end_says_whose_it_was_though_nobody_is_connected(self, tracked, log):
        (id, link), _ = (enter(tracked, TWO) for _ in range(2))
        tracked.tracker.drop(link.connection)
        enter(tracked, TWO)
        [line] = [text for text in log.at("info") if "revoked" in text]
        assert line.endswith(f"id={id} authid=joe authrealm=realm1 detail=too many sessions")

    def test_its_end_is_in_the_audit_log_as_the_policys(self, tracked):
        events = []
        tracked.tracker.events.subscribe(events.append)
        (id, _), *_ = (enter(tracked, TWO) for _ in range(3))
        [ended] = [each for each in events if each.kind is Kind.REVOKED]
        assert (ended.id, ended.actor, ended.reason) == (id, Actor(By.POLICY), EXCESS)
        assert ended.peer == "tcp4:192.0.2.1:52410"

    def test_one_that_talks_was_heard_later_than_its_record_says(self, tracked):
        (talks, link), (silent, _) = (enter(tracked, TWO) for _ in range(2))
        tracked.reactor.advance(1)
        link.connection.last_heard = tracked.tracker.clock.now()
        latest, _ = enter(tracked, TWO)
        assert stored(tracked) == [talks, latest]
        assert silent not in tracked.store.cookies

    def test_the_old_one_is_gone_before_the_new_one_is_there(self, slow):
        for _ in range(2):
            enter(slow, TWO)
        enter(slow, TWO)
        kinds = [type(change) for change in slow.store.changes]
        assert kinds[-2:] == [Delete, Authenticate]

    def test_several_are_ended_where_fewer_are_allowed_than_there_are(self, tracked):
        ids = [enter(tracked, Policy(DAY))[0] for _ in range(5)]
        latest, _ = enter(tracked, TWO)
        assert stored(tracked) == [ids[-1], latest]

    def test_an_end_that_cannot_be_stored_lets_nobody_in(self, tracked):
        entered = [enter(tracked, TWO) for _ in range(2)]
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        with pytest.raises(StoreUnavailable):
            enter(tracked, TWO)
        assert stored(tracked) == [id for id, _ in entered]
        assert entered[0][1].reasons == [EXCESS]
        tracked.store.recover()

    def test_the_new_one_is_denied(self, tracked):
        entered = [enter(tracked, DENY_TWO) for _ in range(2)]
        with pytest.raises(TooManySessions) as caught:
            enter(tracked, DENY_TWO)
        assert str(caught.value) == "2 sessions at most: log one out"
        assert stored(tracked) == [id for id, _ in entered]
        assert not any(link.ended for _, link in entered)

    def test_a_denied_one_leaves_no_record(self, tracked):
        rotates = evolve(DENY_TWO, rotates=True)
        ids = [enter(tracked, rotates)[0] for _ in range(2)]
        with pytest.raises(TooManySessions):
            enter(tracked, rotates)
        assert sorted(tracked.store.cookies) == ids

    def test_there_is_room_again_after_a_logout(self, tracked):
        _, (_, leaves) = (enter(tracked, DENY_TWO) for _ in range(2))
        tracked.reactor.result_of(tracked.tracker.log_out(leaves.connection))
        enter(tracked, DENY_TWO)
        assert len(stored(tracked)) == 2


@BOTH
class TestWhatCounts:
    def test_are_the_logins_of_an_identity(self, tracked, policy):
        for user in ("joe", "ann", make_auth("joe", "realm2")):
            for _ in range(2):
                _, link = tracked.visit(policy=policy)
                tracked.log_in(link, user)
        assert [
            len(stored(tracked, *each))
            for each in (
                ("joe", "realm1"),
                ("ann", "realm1"),
                ("joe", "realm2"),
            )
        ] == [2, 2, 2]

    def test_is_not_the_same_cookie_twice(self, tracked, policy):
        (id, _), _ = (enter(tracked, policy) for _ in range(2))
        _, again = tracked.visit(id, policy=policy)
        tracked.log_in(again)
        assert len(stored(tracked)) == 2
        assert tracked.sessions() == {"joe"}

    def test_is_the_cookie_that_a_login_is_on_even_where_there_are_too_many(self, tracked, policy):
        ids = [enter(tracked, Policy(DAY))[0] for _ in range(4)]
        _, again = tracked.visit(ids[0], policy=policy)
        tracked.log_in(again)
        assert stored(tracked) == sorted(ids)

    def test_is_nothing_that_has_expired_here(self, tracked, policy):
        for _ in range(2):
            enter(tracked, policy)
        tracked.reactor.advance(100)
        enter(tracked, evolve(policy, max_age=50))
        assert len(stored(tracked)) == 3

    def test_is_nothing_whose_role_has_expired(self, tracked, policy):
        brief = evolve(policy, lifetimes={"user@realm1": Lifespan(50)})
        for _ in range(2):
            enter(tracked, brief)
        tracked.reactor.advance(100)
        enter(tracked, brief)
        assert len(stored(tracked)) == 3

    def test_is_nothing_that_is_not_stored(self, tracked, policy):
        for _ in range(4):
            _, link = tracked.visit(policy=policy)
            tracked.log_in(link, stores=False)
        assert stored(tracked) == []
        assert not link.ended

    def test_is_nothing_that_was_ended_though_the_store_has_it(self, tracked, policy):
        (id, _), _ = (enter(tracked, policy) for _ in range(2))
        tracked.store.fail_commits(of=lambda change: isinstance(change, Delete))
        with pytest.raises(StoreUnavailable):
            tracked.reactor.result_of(tracked.tracker.revoke([id]))
        assert outcome(tracked.reactor, begin(tracked, policy)[1]) is None
        tracked.store.recover()


class TestAtTheSameMoment:
    def test_those_of_one_worker_are_exactly_as_many_as_may_be(self, slow, reactor):
        begun = [begin(slow, DENY_TWO) for _ in range(20)]
        outcomes = [outcome(reactor, accepted) for _, accepted in begun]
        assert outcomes == [None] * 2 + [TooManySessions] * 18
        assert len(stored(slow)) == 2

    def test_of_those_of_one_worker_the_last_stay(self, slow, reactor):
        begun = [begin(slow, TWO) for _ in range(20)]
        assert {outcome(reactor, accepted) for _, accepted in begun} == {None}
        assert [link.ended for link, _ in begun] == [True] * 18 + [False] * 2
        assert len(stored(slow)) == 2

    @pytest.fixture
    def waiting(self, slow, reactor):
        """Two logins of one user, of which the first is being counted: links, and what fires."""
        slow.store.pages.shut()
        begun = [begin(slow, TWO) for _ in range(2)]
        reactor.turn_until(slow.store.pages.reached())
        return begun

    def test_one_that_leaves_while_it_waits_is_not_stored(self, slow, reactor, waiting):
        (_, first), (link, second) = waiting
        slow.tracker.drop(link.connection)
        slow.store.pages.open()
        assert outcome(reactor, first) is None
        assert outcome(reactor, second) is LoginRefused
        assert (len(stored(slow)), slow.store.pages.arrived) == (1, 1)

    def test_one_that_is_revoked_while_it_waits_is_not_stored(self, slow, reactor, waiting):
        (_, first), (_, second) = waiting
        revoked = slow.tracker.revoke_user("joe")
        slow.store.pages.open()
        assert outcome(reactor, first) is outcome(reactor, second) is LoginRefused
        reactor.result_of(revoked)
        assert slow.sessions() == set()
        assert not any(isinstance(change, Authenticate) for change in slow.store.changes)

    def test_other_users_do_not_wait(self, slow, reactor):
        links = [slow.visit(policy=TWO)[1] for _ in range(2)]
        slow.store.commits.shut()
        for link, user in zip(links, ("joe", "ann"), strict=True):
            slow.accept(link, user)
        reactor.turn_until(slow.store.pages.reached(2))


class TestAStore:
    def test_that_cannot_list_lets_nobody_in(self, tracked):
        tracked.store.fail_pages()
        with pytest.raises(StoreUnavailable):
            enter(tracked, TWO)
        assert stored(tracked) == []
        assert tracked.sessions() == set()

    def test_that_hangs_and_fails_is_not_asked_once_for_each_that_waits(self, slow, reactor):
        slow.store.pages.shut()
        slow.store.fail_pages()
        begun = [begin(slow, TWO) for _ in range(5)]
        reactor.turn_until(slow.store.pages.reached())
        # As the store's own timeout ends it.
        reactor.advance(5)
        slow.store.pages.open()
        assert [outcome(reactor, each) for _, each in begun] == [StoreUnavailable] * 5
        assert slow.store.pages.arrived == 1

    def test_that_is_known_to_be_away_is_not_asked(self, slow, reactor, monkeypatch):
        _, link = slow.visit(policy=TWO)
        monkeypatch.setattr(slow.access, "refusal", lambda: StoreUnavailable("away"))
        assert outcome(reactor, slow.accept(link)) is StoreUnavailable
        assert slow.store.pages.arrived == 0

    def test_is_not_asked_where_nothing_is_limited(self, tracked):
        enter(tracked, Policy(DAY))
        tracked.reactor.advance(2 * DELAY_S)
        tracked.reactor.turn()
        assert tracked.store.pages.arrived == 0

    def test_of_one_worker_is_not_asked_again(self, tracked):
        enter(tracked, TWO)
        tracked.reactor.advance(2 * DELAY_S)
        tracked.reactor.turn()
        # One after the other.
        tracked.reactor.result_of(tracked.access.list_user("ann", "realm1", bool))
        assert tracked.store.pages.arrived == 2


def race(workers, policy, each=1):
    """Logins at all workers, of which none sees another worker's: their connections, in order."""
    store, reactor = workers[0].store, workers[0].reactor
    links = []
    for tracked in workers * each:
        _, link = tracked.visit(policy=policy)
        tracked.hello(link)
        links.append(link)
        reactor.advance(0.001)
    store.pages.shut()
    pairs = zip(workers * each, links, strict=True)
    begun = [tracked.accept(link) for tracked, link in pairs]
    reactor.turn_until(store.pages.reached(len(workers)))
    # What they find was there before any of them is stored.
    store.commits.shut()
    store.pages.open()
    reactor.turn_until(lambda: all(worker.tracker.pending for worker in workers))
    store.commits.open()
    return links, [outcome(reactor, accepted) for accepted in begun]


def settle(workers, condition):
    """Let the moment pass after which logins are counted again, and wait for what comes of it."""
    workers[0].reactor.advance(DELAY_S)
    workers[0].reactor.turn_until(condition)


class TestAmongWorkers:
    @pytest.mark.parametrize("ends_oldest", [True, False])
    def test_the_newer_one_is_ended_within_a_second(self, workers, ends_oldest):
        assert DELAY_S < 1
        policy = Policy(DAY, max_sessions=1, ends_oldest=ends_oldest)
        (older, newer), outcomes = race(workers, policy)
        newer_id = newer.connection.id
        assert outcomes == [None, None]
        assert len(stored(workers[0])) == 2
        settle(workers, lambda: newer_id not in workers[0].store.cookies)
        assert stored(workers[0]) == [older.connection.id]
        assert not older.ended

    def test_whoever_stores_last_finds_what_is_newer_elsewhere(self, workers):
        """Its own login is the older one, though it was stored later."""
        one = workers[0]
        id, link = enter(one, Policy(DAY, max_sessions=1))
        record = one.store.cookies[id]
        newer = evolve(record, id=make_id(77), created=record.created + 500)
        one.store.cookies[newer.id] = newer
        settle(workers, lambda: newer.id not in one.store.cookies)
        assert stored(one) == [id]
        assert not link.ended

    def test_newer_is_who_logged_in_later_whenever_the_cookie_was_made(self, workers):
        one = workers[0]
        id, _ = enter(one, Policy(DAY, max_sessions=1))
        record = one.store.cookies[id]
        at = one.tracker.clock.now()
        one.store.cookies[id] = evolve(record, auth=evolve(record.auth, at=at + 1))
        other = evolve(record, id=make_id(77), created=at + 500)
        one.store.cookies[other.id] = evolve(other, auth=evolve(record.auth, at=at))
        settle(workers, lambda: len(stored(one)) == 1)
        assert stored(one) == [other.id]

    def test_of_those_of_one_moment_all_end_the_same(self, workers):
        one = workers[0]
        id, _ = enter(one, Policy(DAY, max_sessions=1))
        record = one.store.cookies[id]
        one.store.cookies[make_id(0)] = evolve(record, id=make_id(0))
        settle(workers, lambda: id not in one.store.cookies)
        assert stored(one) == [make_id(0)]

    def test_as_many_stay_as_may(self, workers):
        policy = Policy(DAY, max_sessions=3, ends_oldest=False)
        _, outcomes = race(workers, policy, each=6)
        assert outcomes.count(None) >= 3
        settle(workers, lambda: len(stored(workers[0])) <= 3)
        assert len(stored(workers[0])) == 3

    def test_it_is_tried_again_when_the_store_is_back(self, workers, reactor, log):
        race(workers, Policy(DAY, max_sessions=1))
        store = workers[0].store
        store.fail_pages()
        settle(workers, lambda: len([t for t in log.at("debug") if "not counted" in t]) == 2)
        assert len(stored(workers[0])) == 2
        store.recover()
        settle(workers, lambda: len(stored(workers[0])) == 1)

    def test_logins_that_come_together_are_counted_again_together(self, workers, reactor):
        one = workers[0]
        for _ in range(5):
            one.enter(policy=TWO)
        settle(workers, one.store.pages.reached(6))
        reactor.advance(10 * DELAY_S)
        reactor.turn()
        assert one.store.pages.arrived == 6

    def test_what_may_have_been_stored_is_counted_again_too(self, workers, reactor):
        one = workers[0]
        one.store.fail_commits(of=lambda change: isinstance(change, Authenticate))
        assert outcome(reactor, begin(one, TWO)[1]) is StoreUnavailable
        assert one.store.pages.arrived == 1
        settle(workers, one.store.pages.reached(2))
        one.store.recover()

    def test_nothing_is_counted_after_the_end(self, workers, reactor, log):
        one = workers[0]
        one.enter(policy=TWO)
        reactor.result_of(one.tracker.close())
        reactor.advance(10 * DELAY_S)
        reactor.turn()
        assert one.store.pages.arrived == 1
        assert [text for text in log.at("debug") if "not counted" in text] == []

    def test_a_count_that_is_in_flight_at_the_end_ends_nobody(self, workers, reactor, log):
        """The store would take no end any more, and the log would say so of each."""
        one = workers[0]
        id, _ = enter(one, Policy(DAY, max_sessions=1))
        record = one.store.cookies[id]
        newer = evolve(record, id=make_id(77), created=record.created + 500)
        one.store.cookies[newer.id] = newer
        one.store.pages.shut()
        settle(workers, one.store.pages.reached(2))
        closed = one.tracker.close()
        one.store.pages.open()
        reactor.result_of(closed)
        assert log.at("critical") == []
        assert set(stored(one)) == {id, newer.id}

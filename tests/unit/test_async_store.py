"""The face of a store: everything without waiting, and nothing after the end."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from threading import Event, current_thread
from typing import Any

import pytest

from cookietrack_plugin.access import store as module
from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.access.feed import FeedReader
from cookietrack_plugin.access.store import MAX_WAITING, MAX_WALKS, AsyncStore
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.patience import PATIENCE
from tests.support.feeds import FeedStore, RevokingStore
from tests.support.reactor import FakeReactor
from tests.support.stores import ScriptedStore

ID = make_id(1)
JOE, ANN = make_auth("joe"), make_auth("ann")
EVERY_JOE = UserRevoked("joe", None)

Face = Callable[[ScriptedStore], AsyncStore]


@pytest.fixture
def make(reactor: FakeReactor) -> Iterator[Face]:
    """A function from a store to its face; all are closed in the end."""
    made: list[tuple[AsyncStore, ScriptedStore]] = []

    def make(store: ScriptedStore) -> AsyncStore:
        made.append((AsyncStore(store, reactor), store))
        return made[-1][0]

    yield make
    for access, store in made:
        for gate in (store.reads, store.commits, store.closing):
            gate.open()
        closed: list[object] = []
        access.close().addBoth(closed.append)
        reactor.turn_until(partial(bool, closed), "the store is closed")


@pytest.fixture
def access(any_store: ScriptedStore, make: Face) -> AsyncStore:
    return make(any_store)


def is_closed() -> Any:
    return pytest.raises(StoreUnavailable, match="the store is closed")


class TestAChange:
    def test_is_stored_once_it_has_fired_with_whether_it_applied(self, any_store, access, reactor):
        assert reactor.result_of(access.submit(Create(make_cookie(1)))) is True
        assert any_store.cookies == {ID: make_cookie(1)}
        assert reactor.result_of(access.submit(Delete(make_id(2)))) is False

    def test_fails_as_the_store_does(self, any_store, access, reactor):
        any_store.fail_commits(StoreFull)
        with pytest.raises(StoreFull):
            reactor.result_of(access.submit(Create(make_cookie(1))))

    def test_counts_as_long_as_it_is_pending(self, make_store, make, reactor):
        store = make_store(commits_block=True)
        access = make(store)
        store.commits.shut()
        done = access.submit(Create(make_cookie(1)))
        barrier = access.barrier()
        assert access.pending == 1
        assert access.overlay(ID, None) == make_cookie(1)
        assert access.overlay(make_id(2), None) is None
        assert not barrier.called
        store.commits.open()
        reactor.result_of(barrier)
        assert done.called
        assert (access.pending, access.overlay(ID, None)) == (0, None)

    @pytest.mark.parametrize("error", [None, StoreUnavailable])
    def test_has_look_ups_in_flight_made_again(self, make_store, make, reactor, error):
        """Also one that failed: it cannot be known whether it was stored."""
        store = make_store(reads_block=True, commits_block=True)
        access = make(store)
        store.cookies[ID] = make_cookie(1)
        store.reads.shut()
        found = access.load(ID)
        reactor.turn_until(store.reads.reached())
        if error:
            store.fail_commits(error)
        reactor.result_of(access.submit(Delete(ID)).addErrback(lambda _: None))
        store.cookies.clear()
        store.reads.open()
        assert reactor.result_of(found) is None


class TestARecord:
    def test_is_found_as_it_will_be_once_all_is_stored(self, any_store, access, reactor):
        any_store.cookies[ID] = make_cookie(1)
        assert reactor.result_of(access.load(ID)) == make_cookie(1)
        assert reactor.result_of(access.load(make_id(2))) is None
        if any_store.commits_block:
            any_store.commits.shut()
        access.submit(make_touch(1, seen=NOW + 7))
        assert reactor.result_of(access.load(ID)).seen == NOW + 7

    def test_cannot_be_had_while_the_store_fails(self, any_store, access, reactor):
        any_store.fail_loads()
        with pytest.raises(StoreUnavailable):
            reactor.result_of(access.load(ID))

    @pytest.mark.parametrize("which", [(), (ID,)])
    def test_that_somebody_else_changed_is_looked_up_again(self, make_store, make, reactor, which):
        store = make_store(reads_block=True)
        access = make(store)
        store.cookies[ID] = make_cookie(1)
        store.reads.shut()
        found = access.load(ID)
        reactor.turn_until(store.reads.reached())
        store.cookies.clear()
        access.invalidate(*which)
        store.reads.open()
        assert reactor.result_of(found) is None

    def test_is_read_where_that_waits_on_a_thread(self, any_store, access, reactor):
        reactor.result_of(access.load(ID))
        assert access.reads_block == any_store.reads_block
        assert (any_store.threads["load"].name == "cookietrack-reader") == any_store.reads_block


def fill(store: ScriptedStore) -> None:
    """Two of joe's, one in another realm, one of ann's, and one of nobody's."""
    logins = [JOE, JOE, make_auth("joe", "realm2"), ANN, None]
    store.cookies = {make_id(n): make_cookie(n, auth) for n, auth in enumerate(logins, 1)}


@pytest.fixture(params=[ScriptedStore, RevokingStore], ids=["without the power", "with it"])
def users(request: pytest.FixtureRequest, any_store: ScriptedStore) -> ScriptedStore:
    """A store with users, with and without `IUserRevocation`."""
    store: ScriptedStore = request.param(any_store.reads_block, any_store.commits_block)
    fill(store)
    return store


class TestTheEndOfAUser:
    @pytest.mark.parametrize(
        ("revoked", "left"),
        [
            (EVERY_JOE, {4, 5}),
            (UserRevoked("joe", "realm1"), {3, 4, 5}),
            (UserRevoked(None, "realm1"), {3, 5}),
            (UserRevoked("joe", None, frozenset([ID])), {1, 4, 5}),
            (UserRevoked("eve", None), {1, 2, 3, 4, 5}),
            (UserRevoked(None, None), set()),
        ],
    )
    def test_deletes_the_users_records_and_says_how_many(self, users, make, reactor, revoked, left):
        assert reactor.result_of(make(users).revoke_user(revoked)) == 5 - len(left)
        assert set(users.cookies) == set(map(make_id, left))

    def test_finds_a_login_that_is_queued_before_it(self, users, make, reactor):
        access = make(users)
        access.submit(Authenticate(make_id(5), JOE, NOW))
        assert reactor.result_of(access.revoke_user(EVERY_JOE)) == 4
        assert make_id(5) not in users.cookies

    def test_fails_as_the_store_does(self, users, make, reactor):
        access = make(users)
        users.fail_commits(StoreFull)
        users.revoke_error = StoreFull("no room")
        with pytest.raises(StoreFull):
            reactor.result_of(access.revoke_user(EVERY_JOE))

    def test_has_look_ups_in_flight_made_again(self, users, make, reactor):
        if not users.reads_block:
            return
        access = make(users)
        users.reads.shut()
        found = access.load(ID)
        reactor.turn_until(users.reads.reached())
        reactor.result_of(access.revoke_user(EVERY_JOE))
        users.reads.open()
        assert reactor.result_of(found) is None

    def test_is_the_writer_threads_where_there_is_one(self, any_store, make, reactor):
        """And of a thread that may wait where commits do not."""
        store = RevokingStore(any_store.reads_block, any_store.commits_block)
        reactor.result_of(make(store).revoke_user(EVERY_JOE))
        thread = store.threads["revoke_user"]
        assert thread is not current_thread()
        assert (thread.name == "cookietrack-writer") == store.commits_block
        assert store.revoked == [EVERY_JOE]

    def test_comes_between_the_changes_before_and_behind_it(self, make, reactor):
        store = RevokingStore(commits_block=True)
        access = make(store)
        store.cookies[ID] = make_cookie(1)
        first = access.submit(Authenticate(ID, JOE, NOW))
        ended = access.revoke_user(EVERY_JOE)
        last = access.submit(Authenticate(ID, JOE, NOW))
        assert [reactor.result_of(each) for each in (first, ended, last)] == [True, 1, False]

    def test_is_not_asked_for_while_the_store_is_away(self, make, reactor):
        store = RevokingStore(commits_block=True)
        access = make(store)
        store.revoke_error = StoreUnavailable("the network is away")
        for _ in range(MAX_FAILURES + 3):
            with pytest.raises(StoreUnavailable, match="the network is away"):
                reactor.result_of(access.revoke_user(EVERY_JOE))
        assert store.commits.arrived == MAX_FAILURES

    def test_with_many_records_does_not_fill_a_turn_of_the_reactor(
        self, any_store, make, reactor, monkeypatch
    ):
        """Nor the stack, however many turns it takes."""
        monkeypatch.setattr(module, "MAX_DELETED_PER_TURN", 2)
        turns: list[int] = []
        real = reactor.callLater

        def call_later(seconds: float, call: Callable[..., Any], *args: Any) -> Any:
            return real(seconds, lambda: (turns.append(len(any_store.changes)), call(*args)))

        reactor.callLater = call_later
        numbers = range(1001)
        any_store.cookies = {make_id(n): make_cookie(n, JOE) for n in numbers}
        assert reactor.result_of(make(any_store).revoke_user(EVERY_JOE)) == len(numbers)
        assert any_store.cookies == {}
        assert max(after - before for before, after in pairwise(turns)) == 2


class TestExpiry:
    def test_runs_where_commits_run(self, any_store, access, reactor):
        any_store.cookies = {make_id(n): make_cookie(n, expires=NOW + n) for n in range(3)}
        assert reactor.result_of(access.expire(NOW + 1, 5)) == 2
        assert any_store.expired == [(NOW + 1, 5)]
        on_writer = any_store.threads["expire"].name == "cookietrack-writer"
        assert on_writer == any_store.commits_block

    def test_fails_as_the_store_does(self, any_store, access, reactor):
        any_store.expire_error = StoreFull("no room")
        with pytest.raises(StoreFull):
            reactor.result_of(access.expire(NOW, 5))


class TestWhatRunsOnAThread:
    def test_may_wait_and_gives_its_result(self, any_store, access, reactor):
        assert reactor.result_of(access.run(lambda store: store.stat())) == any_store.stat()
        thread = reactor.result_of(access.run(lambda _: current_thread()))
        assert thread is not current_thread()

    def test_fails_as_it_does(self, access, reactor):
        with pytest.raises(ZeroDivisionError):
            reactor.result_of(access.run(lambda _: 1 / 0))


class TestWalks:
    @pytest.fixture
    def slow(self, access, reactor):
        """A function that begins walks which wait, and counts those that run."""
        reactor.getThreadPool().adjustPoolsize(0, MAX_WALKS + 2)
        running, go_on = [], Event()

        def walk(_):
            running.append(1)
            return go_on.wait(PATIENCE)

        yield lambda: access.walk(walk), running, go_on
        go_on.set()

    def test_leave_threads_to_others(self, access, reactor, slow):
        walk, running, go_on = slow
        begun = [walk() for _ in range(MAX_WALKS + 2)]
        assert reactor.result_of(access.run(lambda _: "at once")) == "at once"
        assert len(running) <= MAX_WALKS
        go_on.set()
        assert [reactor.result_of(each) for each in begun] == [True] * len(begun)

    def test_do_not_wait_in_any_number(self, reactor, slow):
        walk, _, go_on = slow
        begun = [walk() for _ in range(MAX_WALKS + MAX_WAITING)]
        with pytest.raises(StoreUnavailable, match="too many"):
            reactor.result_of(walk())
        go_on.set()
        assert all(reactor.result_of(each) for each in begun)
        assert reactor.result_of(walk())

    def test_that_wait_are_refused_once_the_store_is_known_not_to_answer(
        self, any_store, access, reactor, slow
    ):
        walk, running, go_on = slow
        begun = [walk() for _ in range(MAX_WALKS)]
        late = walk()
        any_store.fail_commits()
        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable):
                reactor.result_of(access.submit(Delete(ID)))
        go_on.set()
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(late)
        assert all(reactor.result_of(each) for each in begun)
        assert len(running) == MAX_WALKS


def test_a_feed_is_read_where_there_is_one(access, make, reactor):
    assert access.feed() is None
    reader = make(FeedStore()).feed()
    assert isinstance(reader, FeedReader)
    assert reactor.result_of(reader.read(None)).position == 0
    reactor.result_of(reader.close())


class TestAStoreThatIsAway:
    @pytest.fixture
    def store(self, make_store) -> ScriptedStore:
        return make_store(reads_block=True, commits_block=True)

    def go(self, ask: Callable[[], Any], reactor: FakeReactor) -> None:
        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable, match="the disk is away"):
                reactor.result_of(ask())

    def test_is_known_to_be_so_by_changes(self, store, make, reactor):
        access = make(store)
        assert access.refusal() is None
        store.fail_commits()
        self.go(lambda: access.submit(Delete(ID)), reactor)
        assert str(access.refusal()) == "the disk is away"

    def test_is_known_to_be_so_by_look_ups(self, store, make, reactor):
        access = make(store)
        store.fail_loads()
        self.go(lambda: access.load(ID), reactor)
        assert str(access.refusal()) == "the disk is away"
        reactor.advance(AWAY_S[0])
        assert access.refusal() is None

    def test_is_asked_a_last_time_by_what_insists(self, store, make, reactor):
        access = make(store)
        store.fail_commits()
        self.go(lambda: access.submit(Delete(ID)), reactor)
        store.recover()
        access.insist()
        assert reactor.result_of(access.submit(Create(make_cookie(1)))) is True


def test_what_it_does_is_counted_in_one_place(any_store, access, reactor):
    reactor.result_of(access.submit(Create(make_cookie(1))))
    reactor.result_of(access.load(ID))
    assert access.metrics.batch_size.total == 1
    assert sum(access.metrics.commit_seconds.counts) == 1
    assert sum(access.metrics.load_seconds.counts) == 1


class TestClosing:
    def test_stores_what_is_queued_then_closes_the_store_where_it_commits(
        self, any_store, access, reactor
    ):
        done = access.submit(Create(make_cookie(1)))
        reactor.result_of(access.close())
        assert reactor.result_of(done) is True
        assert (set(any_store.cookies), any_store.closed) == ({ID}, 1)
        on_writer = any_store.threads["close"].name == "cookietrack-writer"
        assert on_writer == any_store.commits_block

    def test_fails_as_the_store_does(self, any_store, access, reactor):
        any_store.close_error = StoreUnavailable("cannot flush")
        with pytest.raises(StoreUnavailable, match="cannot flush"):
            reactor.result_of(access.close())

    def test_waits_until_nobody_reads_from_it(self, make_store, make, reactor):
        store = make_store(reads_block=True, commits_block=True)
        access = make(store)
        store.reads.shut()
        found = access.load(ID)
        reactor.turn_until(store.reads.reached())
        done = access.submit(Create(make_cookie(2)))
        closed: list[object] = []
        access.close().addBoth(closed.append)
        # What is queued is stored even if the reader still waits.
        assert reactor.result_of(done) is True
        reactor.turn()
        assert (closed, store.closed) == ([], 0)
        store.reads.open()
        reactor.turn_until(lambda: closed)
        assert (closed, store.closed) == ([None], 1)
        assert reactor.result_of(found) is None


class TestAfterTheEnd:
    @pytest.fixture
    def store(self, any_store) -> RevokingStore:
        store = RevokingStore(any_store.reads_block, any_store.commits_block)
        store.cookies[ID] = make_cookie(1)
        return store

    @pytest.mark.parametrize(
        "ask",
        [
            lambda access: access.submit(Delete(ID)),
            lambda access: access.load(ID),
            lambda access: access.barrier(),
            lambda access: access.revoke_user(EVERY_JOE),
            lambda access: access.expire(NOW, 5),
            lambda access: access.run(lambda store: store.stat()),
            lambda access: access.walk(lambda store: store.stat()),
        ],
        ids=["submit", "load", "barrier", "revoke_user", "expire", "run", "walk"],
    )
    def test_the_store_is_not_asked(self, store, make, reactor, ask):
        access = make(store)
        reactor.result_of(access.close())
        store.threads.clear()
        with is_closed():
            reactor.result_of(ask(access))
        assert store.threads == {}
        assert store.closed == 1

    def test_no_user_is_ended_without_the_power_either(self, access, reactor):
        reactor.result_of(access.close())
        with is_closed():
            reactor.result_of(access.revoke_user(EVERY_JOE))

    def test_nobody_should_wait_for_it(self, access, reactor):
        reactor.result_of(access.close())
        assert str(access.refusal()) == "the store is closed"
        assert access.pending == 0
        access.invalidate()
        access.invalidate(ID)
        assert access.overlay(ID, make_cookie(1)) == make_cookie(1)

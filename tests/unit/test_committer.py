"""Group commit: in order, all that waits at once, and a batch never suffers for one of its own."""

from collections.abc import Callable, Iterator
from functools import partial
from threading import current_thread

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from cookietrack_plugin.access import breaker, starter
from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.access.committer import MAX_CHANGES, Committer
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import IBatchLimit
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from tests.support.reactor import FakeReactor, WatchingReactor
from tests.support.stores import ScriptedStore, UnblockedStore

ID = make_id(1)
COOKIE = make_cookie(1)


@implementer(IBatchLimit)
class LimitedStore(ScriptedStore):
    """One whose engine takes so many changes in a transaction."""

    def __init__(self, max_changes: int) -> None:
        super().__init__(commits_block=True)
        self.max_changes = max_changes


def create(number: int = 1) -> Create:
    return Create(make_cookie(number))


def login(number: int = 1, authid: str = "joe") -> Authenticate:
    return Authenticate(make_id(number), make_auth(authid), NOW + 5)


def touches(id: str) -> Callable[[object], bool]:
    return lambda change: change.id == id


@pytest.fixture
def make_committer(reactor: FakeReactor) -> Iterator[Callable[[ScriptedStore], Committer]]:
    made: list[tuple[Committer, ScriptedStore]] = []

    def make(store: ScriptedStore) -> Committer:
        made.append((Committer(store, reactor, Metrics()), store))
        return made[-1][0]

    yield make
    for committer, store in made:
        store.commits.open()
        store.closing.open()
        closed: list[object] = []
        committer.close().addBoth(closed.append)
        reactor.turn_until(partial(bool, closed))


@pytest.fixture
def committer(any_store, make_committer) -> Committer:
    return make_committer(any_store)


@pytest.fixture
def store(make_store) -> ScriptedStore:
    """One whose commits wait."""
    return make_store(commits_block=True)


@pytest.fixture
def slow(store, make_committer, reactor) -> Committer:
    """A committer whose store is in the middle of a commit, until the test opens its gate."""
    committer = make_committer(store)
    store.commits.shut()
    committer.submit(create(999)).addErrback(lambda _: None)
    reactor.turn_until(store.commits.reached())
    return committer


class TestAChange:
    def test_is_stored_once_it_has_fired(self, any_store, committer, reactor):
        assert reactor.result_of(committer.submit(create())) is True
        assert any_store.cookies == {ID: COOKIE}

    def test_fires_with_whether_it_applied(self, committer, reactor):
        assert reactor.result_of(committer.submit(login())) is False
        assert reactor.result_of(committer.submit(create())) is True
        assert reactor.result_of(committer.submit(create())) is False
        assert reactor.result_of(committer.submit(Delete(ID))) is True

    def test_fails_with_the_stores_error(self, any_store, committer, reactor):
        any_store.fail_commits(StoreFull)
        with pytest.raises(StoreFull):
            reactor.result_of(committer.submit(create()))
        any_store.recover()
        assert reactor.result_of(committer.submit(create())) is True

    def test_is_committed_by_the_writer_thread_only_where_that_can_wait(
        self, any_store, committer, reactor
    ):
        reactor.result_of(committer.submit(create()))
        on_writer = any_store.threads["commit"].name == "cookietrack-writer"
        assert on_writer == any_store.commits_block

    def test_of_a_store_that_answers_for_too_few_fails(self, any_store, committer, reactor):
        any_store.commit = lambda changes: []
        with pytest.raises(RuntimeError, match="results: expected 1, found 0"):
            reactor.result_of(committer.submit(create()))


class TestABatch:
    def test_is_all_that_came_while_the_store_was_busy_in_order(self, store, slow, reactor):
        changes = [create(1), create(2), login(1), Delete(make_id(2)), make_touch(1)]
        done = [slow.submit(change) for change in changes]
        store.commits.open()
        assert [reactor.result_of(each) for each in done] == [True] * 5
        assert store.committed == [[create(999)], changes]

    def test_fails_as_one_when_the_store_is_away(self, store, slow, reactor):
        done = [slow.submit(create(1)), slow.submit(create(2))]
        store.fail_commits(StoreUnavailable)
        store.commits.open()
        for each in done:
            with pytest.raises(StoreUnavailable):
                reactor.result_of(each)
        # One commit for the change that was in flight, one for the batch: none is repeated.
        assert store.commits.arrived == 2

    @pytest.mark.parametrize("error", [StoreFull, ValueError, OverflowError])
    def test_with_a_change_that_the_store_cannot_take_fails_that_change_alone(
        self, store, slow, reactor, error
    ):
        store.fail_commits(error, of=touches(make_id(2)))
        done = [slow.submit(create(number)) for number in (1, 2, 3)]
        store.commits.open()
        assert reactor.result_of(done[0]) is True
        with pytest.raises(error):
            reactor.result_of(done[1])
        assert reactor.result_of(done[2]) is True
        assert set(store.cookies) == {make_id(number) for number in (999, 1, 3)}

    def test_that_is_repeated_change_by_change_keeps_its_order(self, store, slow, reactor):
        store.fail_commits(ValueError, of=touches(make_id(2)))
        changes = [create(1), create(2), login(1), Delete(ID), create(1)]
        done = [slow.submit(change) for change in changes]
        done[1].addErrback(lambda _: None)
        store.commits.open()
        assert [reactor.result_of(each) for each in done] == [True, None, True, True, True]
        assert store.changes[1:] == [changes[0], *changes[2:]]


class TestTheOverlay:
    def test_shows_a_change_before_it_is_stored(self, store, slow):
        slow.submit(create())
        assert slow.overlay(ID, None) == COOKIE
        slow.submit(make_touch(1, seen=NOW + 7))
        assert slow.overlay(ID, None).seen == NOW + 7
        slow.submit(Delete(ID))
        assert slow.overlay(ID, None) is None
        assert store.changes == []

    def test_shows_them_on_top_of_what_the_store_has(self, slow):
        slow.submit(make_touch(1, seen=NOW + 7))
        assert slow.overlay(ID, make_cookie(1, make_auth())).auth == make_auth()
        assert slow.overlay(ID, make_cookie(1, make_auth())).seen == NOW + 7

    def test_shows_no_login_before_it_is_stored(self, store, slow, reactor):
        """Nobody is in by what may not be stored in the end."""
        slow.submit(create())
        assert not slow.stores_login(ID, None)
        done = slow.submit(login())
        assert slow.stores_login(ID, None)
        assert slow.overlay(ID, None) == COOKIE
        store.commits.open()
        reactor.result_of(done)
        assert not slow.stores_login(ID, COOKIE)

    def test_shows_no_record_that_is_made_by_its_login(self, store, slow, reactor):
        done = slow.submit(Create(evolve(COOKIE, auth=make_auth())))
        assert slow.stores_login(ID, None)
        assert slow.overlay(ID, None) is None
        store.commits.open()
        reactor.result_of(done)

    def test_has_no_login_behind_which_the_record_is_deleted(self, store, slow):
        slow.submit(Create(evolve(COOKIE, auth=make_auth())))
        slow.submit(Delete(ID))
        assert not slow.stores_login(ID, None)

    def test_shows_each_id_its_own(self, slow):
        slow.submit(Delete(ID))
        other = make_cookie(2)
        assert slow.overlay(other.id, other) == other

    def test_is_gone_once_all_is_stored(self, any_store, committer, reactor):
        reactor.result_of(committer.submit(create()))
        assert committer.overlay(ID, None) is None
        assert committer.overlay(ID, any_store.cookies[ID]) == COOKIE

    def test_is_gone_too_when_the_change_could_not_be_stored(self, store, slow, reactor):
        done = slow.submit(create())
        store.fail_commits()
        store.commits.open()
        with pytest.raises(StoreUnavailable):
            reactor.result_of(done)
        assert slow.overlay(ID, None) is None

    def test_keeps_a_second_change_while_the_first_is_done(self, store, slow, reactor):
        first = slow.submit(create())
        seen: list[object] = []

        def submit_and_look(_: object) -> None:
            slow.submit(Delete(ID))
            seen.append(slow.overlay(ID, COOKIE))

        first.addCallback(submit_and_look)
        store.commits.open()
        reactor.result_of(first)
        assert seen == [None]


class TestPending:
    def test_counts_what_is_queued_or_in_flight(self, store, slow, reactor):
        assert slow.pending == 1
        done = [slow.submit(create(number)) for number in (1, 2)]
        assert slow.pending == 3
        store.commits.open()
        for each in done:
            reactor.result_of(each)
        assert slow.pending == 0

    def test_goes_down_for_changes_that_fail_as_well(self, store, slow, reactor):
        done = slow.submit(create()).addErrback(lambda _: None)
        store.fail_commits()
        store.commits.open()
        reactor.result_of(done)
        assert slow.pending == 0


def test_it_is_measured_how_long_commits_take_and_how_large_they_are(make_store, reactor):
    for commits_block in (False, True):
        measures = Metrics()
        committer = Committer(make_store(commits_block=commits_block), reactor, measures)
        reactor.result_of(committer.submit(create(1)))
        reactor.result_of(committer.submit(create(2)))
        assert sum(measures.commit_seconds.counts) == 2
        assert 0 < measures.commit_seconds.total < 60
        assert (measures.batch_size.counts[0], measures.batch_size.total) == (2, 2)
        reactor.result_of(committer.close())


class TestAJob:
    def test_runs_where_commits_run_and_gives_its_result(self, any_store, committer, reactor):
        job = committer.ask(lambda: any_store.expire(NOW, 5))
        assert reactor.result_of(job) == 0
        on_writer = any_store.threads["expire"].name == "cookietrack-writer"
        assert on_writer == any_store.commits_block

    def test_that_fails_harms_nobody(self, committer, reactor):
        with pytest.raises(ZeroDivisionError):
            reactor.result_of(committer.ask(lambda: 1 / 0))
        assert reactor.result_of(committer.submit(create())) is True

    def test_comes_between_the_changes_before_and_behind_it(self, store, slow, reactor):
        slow.submit(create(1))
        job = slow.ask(lambda: set(store.cookies))
        last = slow.submit(create(2))
        store.commits.open()
        assert reactor.result_of(job) == {make_id(999), make_id(1)}
        assert reactor.result_of(last) is True
        assert store.committed == [[create(999)], [create(1)], [create(2)]]

    def test_counts_for_itself_in_a_batch_that_fails(self, store, slow, reactor):
        first = slow.submit(create(1))
        job = slow.ask(lambda: "done")
        store.fail_commits(of=touches(make_id(1)))
        store.commits.open()
        with pytest.raises(StoreUnavailable):
            reactor.result_of(first)
        assert reactor.result_of(job) == "done"


class TestABarrier:
    def test_fires_when_all_that_was_queued_before_is_stored(self, store, slow, reactor):
        slow.submit(create(1))
        barrier = slow.barrier()
        slow.submit(create(2))
        reactor.turn()
        assert not barrier.called
        store.commits.open()
        assert reactor.result_of(barrier) is None
        assert store.changes[:2] == [create(999), create(1)]

    def test_fires_too_when_it_was_not_stored_and_whatever_the_breaker_says(
        self, store, slow, reactor
    ):
        for number in range(MAX_FAILURES):
            slow.submit(create(number)).addErrback(lambda _: None)
        store.fail_commits()
        barrier = slow.barrier()
        store.commits.open()
        assert reactor.result_of(barrier) is None

    def test_fails_once_the_store_is_closed(self, committer, reactor):
        reactor.result_of(committer.close())
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(committer.barrier())


class TestClosing:
    def test_stores_what_is_queued_then_closes_the_store_where_it_commits(
        self, store, slow, reactor
    ):
        done: Deferred[bool] = slow.submit(create())
        closed = slow.close()
        reactor.turn()
        assert store.closed == 0
        assert not closed.called
        store.commits.open()
        reactor.result_of(closed)
        assert reactor.result_of(done) is True
        assert store.closed == 1
        assert store.threads["close"].name == "cookietrack-writer"

    def test_fails_with_the_stores_error_once_the_thread_has_ended(
        self, any_store, committer, reactor
    ):
        any_store.close_error = StoreUnavailable("cannot flush")
        with pytest.raises(StoreUnavailable, match="cannot flush"):
            reactor.result_of(committer.close())

    def test_takes_no_change_any_more(self, any_store, committer, reactor):
        reactor.result_of(committer.close())
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(committer.submit(create()))
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(committer.ask(lambda: None))
        assert any_store.cookies == {}


class TestAStoreThatIsAway:
    @pytest.fixture
    def away(self, store, make_committer, reactor) -> Committer:
        committer = make_committer(store)
        store.fail_commits()
        for _ in range(MAX_FAILURES + 3):
            with pytest.raises(StoreUnavailable, match="the disk is away"):
                reactor.result_of(committer.submit(create()))
        return committer

    def test_is_not_asked_by_everybody(self, store, away, reactor):
        assert store.commits.arrived == MAX_FAILURES
        assert away.overlay(ID, None) is None
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(away.ask(lambda: pytest.fail("asked")))
        store.recover()
        reactor.advance(AWAY_S[0])
        assert reactor.result_of(away.submit(create())) is True

    def test_is_asked_by_what_insists(self, store, away, reactor):
        assert away.refusal() is not None
        away.insist()
        assert away.refusal() is None
        store.recover()
        assert reactor.result_of(away.submit(create())) is True

    def test_is_away_as_well_when_a_job_finds_it_so(self, store, make_committer, reactor):
        committer = make_committer(store)

        def job() -> None:
            raise StoreUnavailable("the network is away")

        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable):
                reactor.result_of(committer.ask(job))
        assert str(committer.refusal()) == "the network is away"


@pytest.mark.parametrize(("limit", "sizes"), [(2, [1, 2, 2, 1]), (5000, [1, 5])])
def test_a_batch_is_no_larger_than_the_store_takes(reactor, make_committer, limit, sizes):
    store = LimitedStore(limit)
    committer = make_committer(store)
    store.commits.shut()
    done = [committer.submit(create(999))]
    reactor.turn_until(store.commits.reached())
    done += [committer.submit(create(number)) for number in range(5)]
    store.commits.open()
    for each in done:
        reactor.result_of(each)
    assert [len(batch) for batch in store.committed] == sizes


def test_a_batch_is_never_larger_than_any_store_takes(store, slow, reactor):
    done = [slow.submit(create(number)) for number in range(MAX_CHANGES + 1)]
    store.commits.open()
    reactor.result_of(done[-1])
    assert [len(batch) for batch in store.committed] == [1, MAX_CHANGES, 1]


def test_without_a_reactor_that_watches_file_descriptors_the_writer_thread_does_it_all(
    make_committer, reactor
):
    store = UnblockedStore()
    assert reactor.result_of(make_committer(store).submit(create())) is True
    assert (store.begun, store.committed) == ([], [[create()]])
    assert store.threads["commit"].name == "cookietrack-writer"


class TestAStoreThatTakesBatchesWithoutWaiting:
    @pytest.fixture
    def reactor(self) -> Iterator[FakeReactor]:
        reactor = WatchingReactor()
        yield reactor
        reactor.stop()

    @pytest.fixture
    def store(self) -> UnblockedStore:
        return UnblockedStore()

    @pytest.fixture
    def measures(self) -> Metrics:
        return Metrics()

    @pytest.fixture
    def committer(self, store, reactor, measures) -> Iterator[Committer]:
        committer = Committer(store, reactor, measures)
        yield committer
        if not committer.closed:
            reactor.result_of(committer.close())

    def test_gets_what_came_in_one_turn_without_the_writer_thread(self, store, committer, reactor):
        changes = [create(1), create(1), login(1)]
        done = [committer.submit(change) for change in changes]
        assert committer.pending == 3
        assert [reactor.result_of(each) for each in done] == [True, False, True]
        assert store.begun == store.committed == [changes]
        assert store.threads["commit"] is current_thread()
        assert (committer.pending, committer.overlay(ID, None)) == (0, None)

    def test_gets_from_the_writer_thread_what_it_does_not_take(self, store, committer, reactor):
        store.is_connected = False
        assert reactor.result_of(committer.submit(create())) is True
        assert store.threads["commit"].name == "cookietrack-writer"

    def test_is_waited_for_until_it_knows(self, store, committer, reactor):
        """It has a part of the answer."""
        store.parts = 2
        assert reactor.result_of(committer.submit(create())) is True
        assert store.parts == 0

    def test_that_was_silent_is_not_waited_for_again(self, store, committer, reactor, monkeypatch):
        monkeypatch.setattr(starter, "SILENT_S", 0)
        monkeypatch.setattr(breaker, "SILENT_S", 0)
        store.fail_commits()
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(committer.submit(create()))
        assert store.threads["commit"] is current_thread()
        assert isinstance(committer.refusal(), StoreUnavailable)

    def test_is_measured(self, committer, reactor, measures):
        done = [committer.submit(create(number)) for number in range(3)]
        for each in done:
            reactor.result_of(each)
        assert (sum(measures.batch_size.counts), measures.batch_size.total) == (1, 3)
        assert sum(measures.commit_seconds.counts) == 1
        assert 0 < measures.commit_seconds.total < 60

    @pytest.mark.parametrize("error", [StoreFull, ValueError])
    def test_fails_one_change_of_a_batch_alone(self, store, committer, reactor, error):
        store.fail_commits(error, of=touches(make_id(2)))
        done = [committer.submit(create(number)) for number in (1, 2, 3)]
        assert reactor.result_of(done[0]) is True
        with pytest.raises(error):
            reactor.result_of(done[1])
        assert reactor.result_of(done[2]) is True
        assert set(store.cookies) == {make_id(1), make_id(3)}

    def test_has_jobs_between_its_batches_on_the_writer_thread(self, store, committer, reactor):
        committer.submit(create(1))
        job = committer.ask(lambda: (current_thread().name, set(store.cookies)))
        last = committer.submit(create(2))
        assert reactor.result_of(job) == ("cookietrack-writer", {make_id(1)})
        assert reactor.result_of(last) is True
        assert store.begun == [[create(1)], [create(2)]]

    def test_gets_nothing_while_it_is_away_but_one_trial_of_the_writer_thread(
        self, store, committer, reactor
    ):
        self.fail(committer, store, reactor, MAX_FAILURES)
        assert len(store.begun) == MAX_FAILURES
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(committer.submit(create()))
        reactor.advance(AWAY_S[0])
        store.recover()
        assert reactor.result_of(committer.submit(create(1))) is True
        assert len(store.begun) == MAX_FAILURES
        assert store.threads["commit"].name == "cookietrack-writer"
        assert reactor.result_of(committer.submit(create(2))) is True
        assert store.begun[MAX_FAILURES:] == [[create(2)]]

    def test_has_answered_when_a_batch_is_finished(self, store, committer, reactor):
        """Failures with a success in between are none in a row."""
        self.fail(committer, store, reactor, MAX_FAILURES - 1)
        store.recover()
        assert reactor.result_of(committer.submit(create())) is True
        self.fail(committer, store, reactor, MAX_FAILURES - 1)
        assert committer.refusal() is None

    def test_is_closed_by_the_writer_thread_behind_all_that_was_begun(
        self, store, committer, reactor
    ):
        done = committer.submit(create())
        reactor.result_of(committer.close())
        assert reactor.result_of(done) is True
        assert store.closed == 1
        assert store.threads["close"].name == "cookietrack-writer"

    def fail(self, committer, store, reactor, times):
        store.fail_commits()
        for _ in range(times):
            with pytest.raises(StoreUnavailable, match="the disk is away"):
                reactor.result_of(committer.submit(create()))

"""Look-ups: without blocking, many in one round trip, and never an answer from before a write."""

from collections.abc import Callable, Iterator
from functools import partial
from threading import current_thread

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from tests.support.reactor import FakeReactor, WatchingReactor
from tests.support.stores import ScriptedStore, UnblockedReadingStore

ID = make_id(1)
COOKIE = make_cookie(1)
LOGIN = Authenticate(ID, make_auth(), NOW + 5)

Made = tuple[Lookup, Committer]


@pytest.fixture
def make(reactor: FakeReactor) -> Iterator[Callable[[ScriptedStore], Made]]:
    """A function from a store to a look-up and the committer whose writes it knows."""
    made: list[tuple[Lookup, Committer, ScriptedStore]] = []

    def make(store: ScriptedStore) -> Made:
        store.cookies[ID] = COOKIE
        committer = Committer(store, reactor, Metrics())
        made.append((Lookup(store, committer, reactor, Metrics()), committer, store))
        return made[-1][:2]

    yield make
    for lookup, committer, store in made:
        store.reads.open()
        store.commits.open()
        closed: list[object] = []
        lookup.close().addBoth(closed.append)
        committer.close().addBoth(closed.append)
        reactor.turn_until(lambda closed=closed: len(closed) == 2)


@pytest.fixture
def store(make_store) -> ScriptedStore:
    """One whose reads and whose commits wait."""
    return make_store(reads_block=True, commits_block=True)


@pytest.fixture
def slow(store, make) -> Made:
    made = make(store)
    store.reads.shut()
    return made


def outcomes(deferred: Deferred) -> list:
    fired: list = []
    deferred.addBoth(fired.append)
    return fired


def test_a_record_is_found_and_an_absent_one_is_none(any_store, make, reactor):
    lookup, _ = make(any_store)
    assert reactor.result_of(lookup.load(ID)) == COOKIE
    assert reactor.result_of(lookup.load(make_id(2))) is None


def test_only_what_can_wait_is_read_on_a_reader_thread(any_store, make, reactor):
    lookup, _ = make(any_store)
    reactor.result_of(lookup.load(ID))
    assert (any_store.threads["load"].name == "cookietrack-reader") == any_store.reads_block


def test_a_store_that_does_not_block_answers_in_place(make_store, make):
    lookup, _ = make(make_store(reads_block=False, commits_block=True))
    assert outcomes(lookup.load(ID)) == [COOKIE]
    assert outcomes(lookup.load(make_id(2))) == [None]


def test_own_writes_that_are_still_queued_are_seen(make_store, make, reactor):
    for reads_block in (False, True):
        store = make_store(reads_block, commits_block=True)
        lookup, committer = make(store)
        store.commits.shut()
        committer.submit(make_touch(1, seen=NOW + 7))
        assert reactor.result_of(lookup.load(ID)).seen == NOW + 7
        committer.submit(Delete(ID))
        assert reactor.result_of(lookup.load(ID)) is None
        assert store.cookies == {ID: COOKIE}


def test_own_writes_are_seen_by_a_look_up_that_began_before(store, slow, reactor):
    lookup, committer = slow
    store.commits.shut()
    found = lookup.load(ID)
    reactor.turn_until(store.reads.reached())
    committer.submit(Delete(ID))
    store.reads.open()
    assert reactor.result_of(found) is None


class TestALoginThatIsBeingStored:
    """Nobody is in by it before it is durable, and nobody is turned away who will be."""

    @pytest.fixture(params=[False, True], ids=["in place", "on the reader thread"])
    def storing(self, request, make_store, make, reactor):
        """The store, the look-up, and the committer that stores a login."""
        store = make_store(request.param, commits_block=True)
        lookup, committer = make(store)
        store.commits.shut()
        committer.submit(LOGIN).addErrback(lambda _: None)
        reactor.turn_until(store.commits.reached())
        return store, lookup, committer

    def test_is_waited_for(self, storing, reactor):
        store, lookup, _ = storing
        found, other = outcomes(lookup.load(ID)), lookup.load(make_id(2))
        assert reactor.result_of(other) is None
        assert found == []
        store.commits.open()
        reactor.turn_until(partial(bool, found))
        assert found == [evolve(COOKIE, auth=make_auth(), seen=NOW + 5)]

    def test_lets_nobody_in_if_it_is_not_stored(self, storing, reactor):
        store, lookup, _ = storing
        found = lookup.load(ID)
        store.fail_commits()
        store.commits.open()
        assert reactor.result_of(found) == COOKIE

    def test_is_not_waited_for_where_the_record_is_absent_or_deleted_behind_it(
        self, storing, reactor
    ):
        store, lookup, committer = storing
        committer.submit(Delete(ID))
        assert reactor.result_of(lookup.load(ID)) is None
        del store.cookies[ID]
        assert reactor.result_of(lookup.load(ID)) is None

    def test_is_waited_for_by_those_who_come_later_as_well(self, storing, reactor):
        store, lookup, committer = storing
        first = lookup.load(ID)
        reactor.turn()
        again = committer.submit(Authenticate(ID, make_auth("ann"), NOW + 6))
        second = lookup.load(ID)
        store.commits.open()
        assert reactor.result_of(again) is True
        assert reactor.result_of(first).auth == reactor.result_of(second).auth == make_auth("ann")

    def test_fails_the_look_up_when_the_store_is_closed(self, storing, reactor):
        store, lookup, committer = storing
        closed = committer.close()
        found = outcomes(lookup.load(ID))
        reactor.turn_until(partial(bool, found))
        assert found[0].check(StoreUnavailable)
        store.commits.open()
        reactor.result_of(closed)


def test_ids_that_wait_are_loaded_in_one_round_trip(store, slow, reactor):
    lookup, _ = slow
    found = [lookup.load(ID)]
    reactor.turn_until(store.reads.reached())
    found += [lookup.load(make_id(number)) for number in (2, 3, 4)]
    store.reads.open()
    assert [reactor.result_of(each) for each in found] == [COOKIE, None, None, None]
    assert store.loaded == [[ID], [make_id(number) for number in (2, 3, 4)]]


def test_those_who_want_the_same_id_share_its_look_up(store, slow, reactor):
    lookup, _ = slow
    first, second = lookup.load(ID), lookup.load(ID)
    store.reads.open()
    assert reactor.result_of(first) == reactor.result_of(second) == COOKIE
    assert store.loaded == [[ID]]
    assert reactor.result_of(lookup.load(ID)) == COOKIE
    assert store.loaded == [[ID], [ID]]


def test_a_failure_reaches_everyone_who_waits_and_nobody_who_comes_later(any_store, make, reactor):
    lookup, _ = make(any_store)
    any_store.fail_loads()
    for found in (lookup.load(ID), lookup.load(ID)):
        with pytest.raises(StoreUnavailable):
            reactor.result_of(found)
    any_store.recover()
    assert reactor.result_of(lookup.load(ID)) == COOKIE


def test_a_failure_stays_one_where_changes_are_queued(store, slow, reactor):
    lookup, committer = slow
    store.commits.shut()
    committer.submit(LOGIN)
    store.fail_loads()
    found = outcomes(lookup.load(ID))
    store.reads.open()
    reactor.turn_until(partial(bool, found))
    assert found[0].check(StoreUnavailable)


def test_it_is_measured_how_long_a_look_up_takes(any_store, reactor):
    measures = Metrics()
    committer = Committer(any_store, reactor, measures)
    lookup = Lookup(any_store, committer, reactor, measures)
    for number in range(3):
        reactor.result_of(lookup.load(make_id(number)))
    assert sum(measures.load_seconds.counts) == 3
    assert 0 < measures.load_seconds.total < 60
    reactor.result_of(lookup.close())
    reactor.result_of(committer.close())


class TestALookUpThatIsInvalidated:
    def test_is_made_again(self, store, slow, reactor):
        lookup, committer = slow
        found = outcomes(lookup.load(ID))
        reactor.turn_until(store.reads.reached())
        # The reader has the record in its hands; now it is deleted, durably.
        assert reactor.result_of(committer.submit(Delete(ID))) is True
        lookup.invalidate(ID)
        store.reads.open()
        reactor.turn_until(partial(bool, found))
        assert found == [None]
        assert store.loaded == [[ID], [ID]]

    def test_is_made_again_even_if_it_failed(self, store, slow, reactor):
        lookup, _ = slow
        found = outcomes(lookup.load(ID))
        reactor.turn_until(store.reads.reached())
        lookup.invalidate(ID)
        store.fail_loads()
        store.reads.shut()
        store.reads.open()
        reactor.turn_until(lambda: len(store.loaded) == 2)
        reactor.turn_until(partial(bool, found))
        assert found[0].check(StoreUnavailable)

    def test_twice_is_made_a_third_time(self, store, slow, reactor):
        lookup, committer = slow
        found = outcomes(lookup.load(ID))
        reactor.turn_until(store.reads.reached())
        lookup.invalidate(ID)
        store.reads.open()
        store.reads.shut()
        reactor.turn_until(lambda: store.reads.arrived == 2)
        reactor.result_of(committer.submit(Delete(ID)))
        lookup.invalidate(ID)
        store.reads.open()
        reactor.turn_until(partial(bool, found))
        assert found == [None]
        assert len(store.loaded) == 3

    def test_is_answered_for_all_who_wait_for_it(self, store, slow, reactor):
        lookup, _ = slow
        early = outcomes(lookup.load(ID))
        reactor.turn_until(store.reads.reached())
        store.cookies[ID] = changed = evolve(COOKIE, seen=NOW + 77)
        lookup.invalidate(ID)
        late = outcomes(lookup.load(ID))
        store.reads.open()
        reactor.turn_until(partial(bool, late))
        assert early == late == [changed]

    def test_fails_instead_of_waiting_for_ever_when_the_reader_is_closed(
        self, store, slow, reactor
    ):
        lookup, _ = slow
        found = outcomes(lookup.load(ID))
        reactor.turn_until(store.reads.reached())
        lookup.invalidate(ID)
        closed = lookup.close()
        store.reads.open()
        reactor.result_of(closed)
        assert found[0].check(StoreUnavailable)

    def test_with_all_others_is_made_again(self, store, slow, reactor):
        lookup, _ = slow
        store.reads.open()
        store.reads.shut()
        found = [lookup.load(ID), lookup.load(make_id(2))]
        reactor.turn_until(store.reads.reached())
        store.cookies[ID] = changed = evolve(COOKIE, seen=NOW + 77)
        lookup.invalidate_all()
        store.reads.open()
        assert [reactor.result_of(each) for each in found] == [changed, None]
        assert store.loaded == [[ID, make_id(2)]] * 2

    def test_of_an_id_that_nobody_looks_up_is_nothing(self, store, slow, reactor):
        lookup, _ = slow
        lookup.invalidate(ID)
        store.reads.open()
        assert reactor.result_of(lookup.load(ID)) == COOKIE
        assert store.loaded == [[ID]]


def test_closing_waits_for_the_look_ups_in_flight(store, slow, reactor):
    lookup, _ = slow
    found = outcomes(lookup.load(ID))
    closed = lookup.close()
    reactor.turn()
    assert found == []
    store.reads.open()
    reactor.result_of(closed)
    assert found == [COOKIE]


def test_closing_without_a_reader_is_done_at_once(make_store, make):
    lookup, _ = make(make_store())
    assert outcomes(lookup.close()) == [None]


def test_a_store_that_is_away_is_not_asked_by_everybody(store, make, reactor):
    lookup, _ = make(store)
    store.fail_loads()
    for _ in range(MAX_FAILURES + 3):
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            reactor.result_of(lookup.load(ID))
    assert len(store.loaded) == MAX_FAILURES
    store.recover()
    reactor.advance(AWAY_S[0])
    assert reactor.result_of(lookup.load(ID)) == COOKIE


class TestAStoreThatTakesLookUpsWithoutWaiting:
    @pytest.fixture
    def reactor(self) -> Iterator[FakeReactor]:
        reactor = WatchingReactor()
        yield reactor
        reactor.stop()

    @pytest.fixture
    def store(self) -> UnblockedReadingStore:
        return UnblockedReadingStore()

    def test_is_asked_without_the_reader_thread(self, store, make, reactor):
        lookup, _ = make(store)
        done = [lookup.load(id) for id in (ID, make_id(2), ID)]
        assert [reactor.result_of(each) for each in done] == [COOKIE, None, COOKIE]
        assert store.begun == store.loaded == [[ID, make_id(2)]]
        assert store.threads["load"] is current_thread()

    def test_is_measured(self, store, make, reactor):
        lookup, _ = make(store)
        reactor.result_of(lookup.load(ID))
        assert sum(lookup._metrics.load_seconds.counts) == 1

    def test_is_asked_by_the_thread_for_what_it_does_not_take(self, store, make, reactor):
        lookup, _ = make(store)
        store.is_connected = False
        assert reactor.result_of(lookup.load(ID)) == COOKIE
        assert store.threads["load"].name == "cookietrack-reader"

    def test_is_asked_again_for_what_has_become_stale(self, store, make, reactor):
        lookup, _ = make(store)
        done = lookup.load(ID)
        reactor.advance(0)
        del store.cookies[ID]
        lookup.invalidate(ID)
        assert reactor.result_of(done) is None
        assert len(store.begun) == 2

    def test_is_left_alone_while_it_is_away_but_for_trials_of_the_thread(
        self, store, make, reactor
    ):
        lookup, _ = make(store)
        store.fail_loads()
        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable):
                reactor.result_of(lookup.load(ID))
        store.recover()
        with pytest.raises(StoreUnavailable):
            reactor.result_of(lookup.load(ID))
        reactor.advance(2 * AWAY_S[0])
        assert reactor.result_of(lookup.load(ID)) == COOKIE
        assert len(store.begun) == MAX_FAILURES
        assert store.threads["load"].name == "cookietrack-reader"

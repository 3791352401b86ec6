"""Expired records go in small steps, in the background, even after a failure."""

import pytest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import NOW, make_cookie, make_id
from cookietrack_plugin.tracking.clock import LocalClock
from cookietrack_plugin.tracking.sweep import INTERVAL_S, PAUSE_S, STEP, Sweep

STOPPED = LocalClock(lambda: NOW / 1000, lambda: 0.0)


@pytest.fixture
def make_sweep(reactor):
    """A function that sweeps a store in which `expired` records have expired at `NOW`."""
    made = []

    def make(store, expired=0):
        for number in range(expired):
            store.cookies[make_id(number)] = make_cookie(number, expires=NOW)
        store.cookies["alive"] = make_cookie(999_999, expires=NOW + 1)
        access = AsyncStore(store, reactor)
        made.append((Sweep(access, STOPPED, reactor, "the cookie store fake:p"), access))
        return made[-1]

    yield make
    for sweep, access in made:
        sweep.stop()
        closed = []
        access.close().addBoth(closed.append)
        reactor.turn_until(lambda closed=closed: closed)


@pytest.fixture(params=[False, True], ids=["in place", "on the writer thread"])
def store(request, make_store):
    return make_store(commits_block=request.param)


def steps(store, reactor, number):
    """Let time pass, step by step, until there were so many of them."""
    reactor.turn_until(lambda: len(store.expired) >= number or reactor.advance(PAUSE_S))
    reactor.turn()


def waits(reactor):
    """The seconds until the timers fire."""
    return [round(call.getTime() - reactor.seconds(), 6) for call in reactor.getDelayedCalls()]


def test_nothing_is_swept_before_the_first_interval_has_passed(make_sweep, store, reactor):
    make_sweep(store, expired=1)
    reactor.advance(INTERVAL_S - 1)
    reactor.turn()
    assert store.expired == []
    reactor.advance(1)
    reactor.turn_until(lambda: store.expired)


def test_a_step_is_small_and_on_the_thread_that_commits(make_sweep, store, reactor):
    make_sweep(store)
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: store.expired)
    assert store.expired == [(NOW, STEP)]
    assert (store.threads["expire"].name == "cookietrack-writer") == store.commits_block


def test_it_goes_on_while_steps_are_full_with_a_pause_in_which_commits_get_in(
    make_sweep, store, reactor
):
    make_sweep(store, expired=2 * STEP + 1)
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: len(store.expired) == 1 and len(reactor.getDelayedCalls()) == 1)
    assert waits(reactor) == [PAUSE_S]
    steps(store, reactor, 3)
    reactor.turn_until(lambda: set(store.cookies) == {"alive"})
    reactor.turn_until(lambda: reactor.getDelayedCalls())
    assert waits(reactor) == [INTERVAL_S]


def test_it_sweeps_again_and_again(make_sweep, store, reactor):
    make_sweep(store)
    for number in range(1, 4):
        reactor.turn_until(reactor.getDelayedCalls)
        reactor.advance(INTERVAL_S)
        reactor.turn_until(lambda number=number: len(store.expired) == number)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), ValueError("broken")])
def test_it_survives_an_error_says_so_and_tries_again_after_an_interval(
    make_sweep, store, reactor, log, error
):
    make_sweep(store, expired=1)
    store.expire_error = error
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: log.at("warn"))
    assert log.at("warn") == [
        f"the cookie store fake:p: expired cookies cannot be removed now: {error}"
    ]
    store.recover()
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: len(store.cookies) == 1)


def test_it_says_once_that_it_fails_and_once_that_it_works_again(make_sweep, store, reactor, log):
    make_sweep(store, expired=1)
    store.expire_error = StoreUnavailable("away")
    for number in range(1, 4):
        reactor.turn_until(reactor.getDelayedCalls)
        reactor.advance(INTERVAL_S)
        reactor.turn_until(lambda number=number: len(store.expired) == number)
    store.recover()
    for _ in range(2):
        reactor.turn_until(reactor.getDelayedCalls)
        reactor.advance(INTERVAL_S)
        reactor.turn()
    reactor.turn_until(lambda: log.at("info"))
    assert log.at("warn") == [
        "the cookie store fake:p: expired cookies cannot be removed now: away"
    ]
    assert log.at("info") == ["the cookie store fake:p: expired cookies are removed again"]


def test_it_leaves_a_store_alone_that_is_known_to_be_away(make_sweep, make_store, reactor, log):
    store = make_store(commits_block=True)
    _, access = make_sweep(store)
    store.fail_commits()
    reactor.advance(INTERVAL_S - AWAY_S[0] / 4)
    for number in range(MAX_FAILURES):
        refused = access.submit(Create(make_cookie(number)))
        with pytest.raises(StoreUnavailable):
            reactor.result_of(refused)
    reactor.advance(AWAY_S[0] / 4)
    reactor.turn()
    assert store.expired == []
    assert log.at("warn") == []
    store.recover()
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: store.expired)


def test_a_store_that_fails_it_for_want_of_an_answer_is_away_for_clients_too(
    make_sweep, make_store, reactor
):
    store = make_store(commits_block=True)
    _, access = make_sweep(store)
    store.expire_error = StoreUnavailable("away")
    for number in range(1, MAX_FAILURES + 1):
        reactor.turn_until(reactor.getDelayedCalls)
        reactor.advance(INTERVAL_S)
        reactor.turn_until(lambda number=number: len(store.expired) == number)
    reactor.turn_until(access.refusal)


def test_it_survives_a_store_that_does_not_say_how_many_it_deleted(make_sweep, store, reactor, log):
    make_sweep(store)
    store.expire = lambda now, limit: store.expired.append((now, limit))
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: log.at("warn"))
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: len(store.expired) == 2)


def test_it_stops(make_sweep, store, reactor):
    sweep, _ = make_sweep(store)
    sweep.stop()
    sweep.stop()
    assert reactor.getDelayedCalls() == []


def test_a_step_in_flight_is_the_last_one_when_it_is_stopped(make_sweep, make_store, reactor):
    store = make_store(commits_block=True)
    sweep, _ = make_sweep(store, expired=3 * STEP)
    reactor.advance(INTERVAL_S)
    sweep.stop()
    reactor.turn_until(lambda: len(store.expired) == 1)
    reactor.turn()
    assert reactor.getDelayedCalls() == []


def test_it_counts_what_it_removed(make_sweep, store, reactor):
    _, access = make_sweep(store, expired=STEP + 7)
    reactor.advance(INTERVAL_S)
    steps(store, reactor, 2)
    reactor.turn_until(lambda: access.metrics.swept == STEP + 7)

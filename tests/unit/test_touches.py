"""Last-seen updates: many make one write, nobody waits, and none is lost at the end."""

import pytest

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.testing.samples import NOW, make_cookie, make_id, make_touch
from cookietrack_plugin.tracking.touches import INTERVAL_S, MAX_PER_TURN, Touches

ID = make_id(1)


@pytest.fixture
def store(make_store):
    store = make_store()
    for number in range(3):
        store.cookies[make_id(number)] = make_cookie(number)
    return store


@pytest.fixture
def touches(store, reactor):
    return Touches(AsyncStore(store, reactor), reactor)


def test_one_is_written_in_its_turn(touches, store, reactor):
    touches.add(make_touch(1))
    assert store.committed == []
    reactor.advance(INTERVAL_S)
    assert store.changes == [make_touch(1)]


def test_many_of_one_cookie_are_one_write_of_the_latest(touches, store, reactor):
    for second in range(4):
        touches.add(make_touch(1, seen=NOW + second))
        reactor.advance(1)
    reactor.advance(INTERVAL_S)
    assert store.changes == [make_touch(1, seen=NOW + 3)]


def test_there_is_a_next_turn(touches, store, reactor):
    touches.add(make_touch(1))
    reactor.advance(INTERVAL_S)
    touches.add(make_touch(2))
    reactor.advance(INTERVAL_S)
    assert store.changes == [make_touch(1), make_touch(2)]
    assert reactor.getDelayedCalls() == []


def test_an_urgent_one_is_written_at_once_and_not_again(touches, store, reactor):
    touches.add(make_touch(1))
    touches.write(ID)
    touches.write(ID)
    assert store.changes == [make_touch(1)]
    reactor.advance(INTERVAL_S)
    assert store.changes == [make_touch(1)]


def test_there_is_nothing_to_write_for_a_cookie_that_was_ended(touches, store, reactor):
    touches.add(make_touch(1))
    touches.drop(ID)
    touches.drop(ID)
    reactor.advance(INTERVAL_S)
    assert store.committed == []


def test_a_turn_of_the_reactor_is_not_filled_with_them(touches, store, reactor):
    turns = []
    real = reactor.callLater

    def call_later(wait, run):
        return real(wait, lambda: (turns.append(len(store.changes)), run()))

    reactor.callLater = call_later
    for number in range(2 * MAX_PER_TURN + 1):
        touches.add(make_touch(number))
    reactor.advance(INTERVAL_S)
    assert turns == [0, MAX_PER_TURN, 2 * MAX_PER_TURN]
    assert len(store.changes) == 2 * MAX_PER_TURN + 1


def test_all_are_written_before_the_store_is_closed(touches, store, reactor):
    touches.add(make_touch(1))
    touches.add(make_touch(2))
    touches.flush()
    touches.flush()
    assert store.changes == [make_touch(1), make_touch(2)]
    assert reactor.getDelayedCalls() == []


def test_one_that_cannot_be_stored_is_lost_and_nothing_else(touches, store, reactor, log):
    store.fail_commits()
    touches.add(make_touch(1))
    reactor.advance(INTERVAL_S)
    assert log.lines == [("debug", "a last-seen update was not stored: the disk is away")]

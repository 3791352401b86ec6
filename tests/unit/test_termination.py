"""The end of connections: heard no more at once, detached a few a turn, closed when durable."""

import pytest
from twisted.internet.defer import Deferred, fail

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.spread import SLICE_S, SpreadCalls
from cookietrack_plugin.tracking.termination import Termination
from tests.support.connections import FakeLink
from tests.support.turns import Turns

REASON = "app.reason"


@pytest.fixture
def connections():
    return Connections()


@pytest.fixture
def termination(connections, reactor):
    return Termination(connections, SpreadCalls(reactor))


@pytest.fixture
def connect(connections):
    def connect(link=None):
        link = link or FakeLink()
        link.connection = TrackedConnection(link, None, Policy(60), 0, False, 0)
        connections.add(link.connection)
        return link

    return connect


def begin(termination, *links):
    return termination.begin([link.connection for link in links])


def test_input_is_discarded_at_once_and_nothing_else_happens(termination, connect, connections):
    link = connect()
    begin(termination, link)
    assert link.done == ["discard"]
    assert list(connections) == []


def test_a_connection_is_closed_once_its_session_is_off_the_router(termination, connect, reactor):
    link = connect()
    link.detaching = detaching = Deferred()
    closed = begin(termination, link).close(REASON, 1011)
    reactor.turn()
    assert link.done == ["discard", "detach"]
    detaching.callback(None)
    reactor.result_of(closed)
    assert link.done == ["discard", "detach", (REASON, 1011)]


def test_a_connection_is_ended_once(termination, connect, reactor):
    link = connect()
    first = begin(termination, link)
    second = begin(termination, link)
    assert second.connections == []
    reactor.result_of(second.close(REASON))
    reactor.result_of(first.close(REASON))
    assert link.reasons == [REASON]


def test_many_are_ended_a_few_in_each_turn(connect, connections):
    turns = Turns()

    class SlowLink(FakeLink):
        def detach(self):
            turns.now += SLICE_S / 3
            return super().detach()

        def close(self, reason, code):
            turns.now += SLICE_S / 2
            super().close(reason, code)

    links = [connect(SlowLink()) for _ in range(10)]
    closed = begin(Termination(connections, SpreadCalls(turns)), *links).close(REASON)
    assert all(link.ended for link in links)
    steps = []
    while not closed.called:
        turns.turn()
        detached, reasons = (
            [name in link.done for link in links] for name in ("detach", (REASON, 1000))
        )
        steps.append((sum(detached), sum(reasons)))
    assert steps == [(3, 0), (6, 0), (9, 0), (10, 2), (10, 4), (10, 6), (10, 8), (10, 10)]


def test_those_that_come_during_it_are_detached_too(termination, connect, reactor):
    first, second = connect(), connect()
    one = begin(termination, first).close(REASON)
    two = begin(termination, second).close(REASON)
    reactor.result_of(one)
    reactor.result_of(two)
    assert first.reasons == second.reasons == [REASON]


def test_one_that_cannot_be_detached_is_logged_and_closed_all_the_same(
    termination, connect, reactor, log
):
    bad, good = connect(), connect()
    bad.detaching = fail(RuntimeError("not attached"))
    reactor.result_of(begin(termination, bad, good).close(REASON))
    assert bad.reasons == good.reasons == [REASON]
    [event] = [each for each in log.events if "taken off the router" in each["log_format"]]
    assert event["log_failure"].check(RuntimeError)


def test_no_connections_are_ended_in_no_time(termination):
    assert termination.begin([]).close(REASON).called


def test_one_that_stays_on_the_router_keeps_no_other_open(termination, connect, reactor):
    """A router behind a proxy may be silent."""
    silent, other = connect(), connect()
    silent.detaching = Deferred()
    closed = begin(termination, silent, other).close(REASON)
    reactor.turn()
    assert other.reasons == [REASON]
    assert silent.reasons == []
    assert not closed.called
    silent.detaching.callback(None)
    reactor.result_of(closed)


def test_an_end_waits_for_those_before_it_and_not_for_those_after_it(termination, connect, reactor):
    before, own, after = connect(), connect(), connect()
    before.detaching, after.detaching = Deferred(), Deferred()
    begin(termination, before)
    closed = begin(termination, own).close(REASON)
    begin(termination, after)
    reactor.turn()
    assert own.reasons == [REASON]
    assert not closed.called
    before.detaching.callback(None)
    reactor.turn()
    assert closed.called

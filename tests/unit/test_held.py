"""Messages that are held back: in order, until everything that they wait for is true."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.router.held import HeldMessages


@pytest.fixture
def sent():
    return []


@pytest.fixture
def held():
    return HeldMessages()


@pytest.fixture
def send(held, sent):
    return lambda message: held.send(lambda: sent.append(message))


@pytest.fixture
def failures():
    return []


@pytest.fixture
def hold(held, failures):
    """A function that holds messages until the Deferred fires that it gives."""

    def hold():
        until = Deferred()
        held.hold(until, failures.append)
        return until

    return hold


def test_nothing_is_held_of_itself(send, sent):
    send(1)
    assert sent == [1]


def test_they_are_sent_in_order_when_they_may_be(hold, send, sent):
    until = hold()
    send(1)
    send(2)
    assert sent == []
    until.callback(None)
    assert sent == [1, 2]
    send(3)
    assert sent == [1, 2, 3]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_they_wait_for_all_that_they_were_held_for(hold, send, sent, order):
    untils = [hold()]
    send(1)
    untils.append(hold())
    send(2)
    untils[order[0]].callback(None)
    assert sent == []
    untils[order[1]].callback(None)
    assert sent == [1, 2]


def test_what_is_true_already_holds_nothing_up(held, send, sent, failures):
    held.hold(succeed(None), failures.append)
    send(1)
    assert sent == [1]


def test_they_are_dropped_when_it_fails(hold, send, sent, failures):
    until = hold()
    send(1)
    error = ValueError("no disk")
    until.errback(error)
    assert [failure.value for failure in failures] == [error]
    send(2)
    assert sent == [2]


def test_they_are_dropped_when_the_first_of_several_fails(hold, send, sent, failures):
    first, second = hold(), hold()
    send(1)
    first.errback(ValueError("no disk"))
    send(2)
    second.callback(None)
    assert (sent, len(failures)) == ([2], 1)


def test_what_has_failed_already_says_so(held, send, sent, failures):
    held.hold(fail(ValueError("no disk")), failures.append)
    send(1)
    assert (sent, len(failures)) == ([1], 1)


def test_they_can_be_held_again_after_that(hold, send, sent, failures):
    hold().errback(ValueError("no disk"))
    until = hold()
    send(1)
    assert sent == []
    until.callback(None)
    assert sent == [1]


def test_they_can_be_dropped(hold, held, send, sent):
    until = hold()
    send(1)
    held.drop()
    send(2)
    until.callback(None)
    assert sent == [2]

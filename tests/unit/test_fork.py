"""One result for several who wait for it."""

import pytest
from twisted.internet.defer import Deferred, fail, gatherResults, succeed

from cookietrack_plugin.fork import first_error, fork


def outcomes(deferred: Deferred) -> list:
    fired: list = []
    deferred.addCallbacks(fired.append, lambda failure: fired.append(failure.value))
    return fired


def test_everyone_gets_the_result_when_it_comes():
    source = Deferred()
    first, second = outcomes(fork(source)), outcomes(fork(source))
    assert first == second == []
    source.callback("open")
    assert first == second == ["open"]


def test_who_comes_later_gets_it_too():
    source = succeed("open")
    assert outcomes(fork(source)) == ["open"]
    assert outcomes(fork(source)) == ["open"]


def test_everyone_gets_the_failure_sooner_or_later():
    error = RuntimeError("no disk")
    source = Deferred()
    sooner = outcomes(fork(source))
    source.errback(error)
    assert sooner == outcomes(fork(source)) == outcomes(fork(source)) == [error]


def test_what_one_makes_of_the_result_is_nothing_to_the_others():
    source = Deferred()
    mine = outcomes(fork(source).addCallback(lambda _: 1 / 0))
    yours = outcomes(fork(source))
    source.callback("open")
    assert isinstance(mine[0], ZeroDivisionError)
    assert yours == ["open"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_that_was_passed_on_is_not_reported_as_unhandled(when):
    # The log fixture looks for such a report.
    if when == "before":
        outcomes(fork(fail(RuntimeError("no disk"))))
    else:
        source = Deferred()
        outcomes(fork(source))
        source.errback(RuntimeError("no disk"))
        del source


def test_of_several_failures_the_first_is_told_and_not_that_there_was_one():
    error = RuntimeError("no disk")
    several = [succeed(1), fail(error), fail(ValueError("the second"))]
    gathered = gatherResults(several, consumeErrors=True)
    assert outcomes(gathered.addErrback(first_error)) == [error]

"""One result for several who wait for it."""

import pytest
from twisted.internet.defer import Deferred, fail, gatherResults, succeed

from cookietrack_plugin.access.deferreds import fan_out, first_error


def outcomes(deferred: Deferred) -> list:
    fired: list = []
    deferred.addCallbacks(fired.append, lambda failure: fired.append(failure.value))
    return fired


def test_everyone_gets_the_result_when_it_comes():
    source = Deferred()
    first, second = outcomes(fan_out(source)), outcomes(fan_out(source))
    assert first == second == []
    source.callback("open")
    assert first == second == ["open"]


def test_who_comes_later_gets_it_too():
    source = succeed("open")
    assert outcomes(fan_out(source)) == ["open"]
    assert outcomes(fan_out(source)) == ["open"]


def test_everyone_gets_the_failure_sooner_or_later():
    error = RuntimeError("no disk")
    source = Deferred()
    sooner = outcomes(fan_out(source))
    source.errback(error)
    assert sooner == outcomes(fan_out(source)) == outcomes(fan_out(source)) == [error]


def test_what_one_makes_of_the_result_is_nothing_to_the_others():
    source = Deferred()
    mine = outcomes(fan_out(source).addCallback(lambda _: 1 / 0))
    yours = outcomes(fan_out(source))
    source.callback("open")
    assert isinstance(mine[0], ZeroDivisionError)
    assert yours == ["open"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_that_was_passed_on_is_not_reported_as_unhandled(when):
    # The log fixture looks for such a report.
    if when == "before":
        outcomes(fan_out(fail(RuntimeError("no disk"))))
    else:
        source = Deferred()
        outcomes(fan_out(source))
        source.errback(RuntimeError("no disk"))
        del source


def test_of_several_failures_the_first_is_told_and_not_that_there_was_one():
    error = RuntimeError("no disk")
    several = [succeed(1), fail(error), fail(ValueError("the second"))]
    gathered = gatherResults(several, consumeErrors=True)
    assert outcomes(gathered.addErrback(first_error)) == [error]

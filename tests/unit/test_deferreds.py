"""One result for several who wait for it, and several for one."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.access.deferreds import fan_out, gathered


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


def test_those_who_come_later_get_it_too():
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


class TestSeveralResults:
    def test_come_together_in_order(self):
        last = Deferred()
        several = outcomes(gathered([succeed(1), last, succeed(3)]))
        assert several == []
        last.callback(2)
        assert several == [[1, 2, 3]]

    def test_of_nothing_are_none(self):
        assert outcomes(gathered([])) == [[]]

    def test_with_failures_fail_as_the_first_of_them_does(self):
        """And not with a `FirstError` that says that there was one."""
        error = RuntimeError("no disk")
        several = [succeed(1), fail(error), fail(ValueError("the second"))]
        assert outcomes(gathered(several)) == [error]

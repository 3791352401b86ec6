"""Work that waits for nothing: done before the call returns, and its errors go to the caller."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cookietrack_plugin.access.inplace import InPlace
from cookietrack_plugin.errors import StoreUnavailable


def outcome(deferred: Deferred[Any]) -> Any:
    """What it has fired with; its error is raised."""
    fired: list[Any] = []
    deferred.addBoth(fired.append)
    [result] = fired
    if isinstance(result, Failure):
        result.raiseException()
    return result


def test_an_item_is_worked_on_at_once():
    items: list[int] = []

    def work(item: int) -> int:
        items.append(item)
        return 2 * item

    in_place = InPlace(work)
    assert [outcome(in_place.put(item)) for item in (1, 2)] == [2, 4]
    assert items == [1, 2]


def test_what_the_work_raises_goes_to_whoever_asked():
    with pytest.raises(ZeroDivisionError):
        outcome(InPlace(lambda _: 1 / 0).put(1))


def test_what_comes_after_the_end_fails():
    worked: list[Any] = []
    in_place = InPlace(worked.append)
    assert outcome(in_place.close()) is None
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        outcome(in_place.put(1))
    assert outcome(in_place.close()) is None
    assert worked == []

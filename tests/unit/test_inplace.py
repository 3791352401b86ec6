"""Work that waits for nothing: done before the call returns, and its errors go to whoever asked."""

from collections.abc import Sequence
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


def test_an_item_is_a_batch_and_its_result_is_there_at_once():
    batches: list[list[int]] = []

    def work(batch: Sequence[int]) -> list[int]:
        batches.append(list(batch))
        return [2 * item for item in batch]

    in_place = InPlace(work)
    assert [outcome(in_place.put(item)) for item in (1, 2)] == [2, 4]
    assert batches == [[1], [2]]


def test_a_failure_is_a_result_as_any():
    with pytest.raises(ValueError, match="odd"):
        outcome(InPlace(lambda _: [Failure(ValueError("odd"))]).put(1))


def test_what_the_work_raises_goes_to_whoever_asked():
    with pytest.raises(ZeroDivisionError):
        outcome(InPlace(lambda _: [1 / 0]).put(1))


@pytest.mark.parametrize("results", [[], [1, 2]])
def test_as_many_results_as_items_are_expected(results):
    with pytest.raises(RuntimeError, match=f"results: expected 1, found {len(results)}"):
        outcome(InPlace(lambda _: results).put(1))


def test_what_comes_after_the_end_fails():
    worked: list[Any] = []
    in_place = InPlace(worked.append)
    assert outcome(in_place.close()) is None
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        outcome(in_place.put(1))
    assert outcome(in_place.close()) is None
    assert worked == []

"""One result for several who wait for it, and several results for one who waits for them."""

from collections.abc import Sequence
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

T = TypeVar("T")


@frozen
class _Failed:
    """A failure that was passed on: Twisted reports one that stays in a Deferred as unhandled."""

    failure: Failure


def fan_out(source: Deferred[T]) -> Deferred[T]:
    """
    Another Deferred that fires as `source` does or did: a Deferred has one consumer. The owner of
    `source` does nothing else with it.
    """
    branch: Deferred[Any] = Deferred()

    def pass_on(result: Any) -> Any:
        if isinstance(result, Failure):
            result = _Failed(result)
        branch.callback(result.failure if isinstance(result, _Failed) else result)
        return result

    source.addBoth(pass_on)
    return branch


def gathered(deferreds: Sequence[Deferred[T]]) -> Deferred[list[T]]:
    """All results in order. It fails as the first of `deferreds` that fails."""
    return gatherResults(deferreds, consumeErrors=True).addErrback(_first_failure)


def one_for_each(items: Sequence[Any], results: Sequence[T]) -> Sequence[T]:
    """
    `results`, if there is one for each of `items`.

    :raises RuntimeError: there are more or fewer, so it is unknown which belongs to which.
    """
    if len(results) != len(items):
        raise RuntimeError(f"results: expected {len(items)}, found {len(results)}")
    return results


def _first_failure(failure: Failure) -> Failure:
    first: Any = failure.value
    return first.subFailure

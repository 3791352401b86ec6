"""One result for several who wait for it, and the first failure for one who waits for several."""

from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


@frozen
class _Failed:
    """A failure at rest: Twisted would report one that stays in a Deferred as unhandled."""

    failure: Failure


def fan_out(source: Deferred[T]) -> Deferred[T]:
    """
    Another Deferred that fires as `source` does: a Deferred can be given to one alone. Whoever
    holds `source` does nothing with it but fan it out; it may have fired already.
    """
    branch: Deferred[Any] = Deferred()

    def pass_on(result: Any) -> Any:
        if isinstance(result, Failure):
            result = _Failed(result)
        branch.callback(result.failure if isinstance(result, _Failed) else result)
        return result

    source.addBoth(pass_on)
    return branch


def first_error(failure: Failure) -> Failure:
    """For `gatherResults`: the failure itself, and not that there was one."""
    gathered: Any = failure.value
    return gathered.subFailure

"""One result for several who wait for it: a Deferred can be given to one of them alone."""

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def fork(source: Deferred[T]) -> Deferred[T]:
    """Another Deferred that fires with the result of `source`, which keeps it."""
    branch: Deferred[T] = Deferred()

    def pass_on(result: T | Failure) -> T | Failure:
        branch.callback(result)
        return result

    source.addBoth(pass_on)
    return branch

"""Ends that are in force before they are stored, and are tried again until they are."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import Backoff

# The pauses before an end is tried again. For as long as the last one other nodes may accept a
# cookie after the store is back.
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0

T = TypeVar("T", bound=Hashable)


class Insistence(Generic[T]):
    """
    What was ended, from that moment on until the store knows it too (invariant 5). It is a
    container of these. On the reactor's thread.

    :param write: stores an end. May be called for the same one again, with the same result.
    :param name: what the log calls an end: "cookie 4x…", "user 'joe'".
    """

    log = make_logger()

    def __init__(
        self, write: Callable[[T], Deferred[Any]], name: Callable[[T], str], reactor: Any
    ) -> None:
        self._write = write
        self._name = name
        self._reactor = reactor
        # Those that are not stored, and why not, if that was tried.
        self._ends: dict[T, Failure | None] = {}
        self._stopped = False

    def __contains__(self, end: object) -> bool:
        return end in self._ends

    def __iter__(self) -> Iterator[T]:
        return iter(self._ends)

    def start(self, end: T) -> Deferred[Any]:
        """
        In force from now on; store it. Fires with what `write` gives; fails when the first attempt
        does, while others follow.
        """
        self._ends.setdefault(end, None)
        backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        if self._stopped:
            closed = Failure(StoreUnavailable("the store is closed"))
            return fail(self._failed(closed, end, backoff))
        return self._try(end, backoff)

    def stop(self) -> None:
        """The store is about to be closed: one last attempt for each. Idempotent."""
        if not self._stopped:
            self._stopped = True
            for end in [end for end, failure in self._ends.items() if failure]:
                self._try(end, Backoff(FIRST_RETRY_S, LAST_RETRY_S)).addErrback(_logged)

    def _try(self, end: T, backoff: Backoff) -> Deferred[Any]:
        written = self._write(end)
        return written.addCallbacks(
            self._stored, self._failed, callbackArgs=(end,), errbackArgs=(end, backoff)
        )

    def _stored(self, result: Any, end: T) -> Any:
        if self._ends.pop(end, None):
            self.log.info("the end of {name} is stored now", name=self._name(end))
        return result

    def _failed(self, failure: Failure, end: T, backoff: Backoff) -> Failure:
        if self._stopped or not self._ends.get(end):
            self.log.critical(
                "the end of {name} cannot be stored, it is refused here and {again}: {cause}",
                name=self._name(end),
                again="not tried again" if self._stopped else "tried again until it is",
                cause=failure.value,
            )
        self._ends[end] = failure
        if not self._stopped:
            self._reactor.callLater(backoff.pause(), self._try_again, end, backoff)
        return failure

    def _try_again(self, end: T, backoff: Backoff) -> None:
        if not self._stopped:
            self._try(end, backoff).addErrback(_logged)


def _logged(_: Any) -> None:
    """It is logged, and tried again."""

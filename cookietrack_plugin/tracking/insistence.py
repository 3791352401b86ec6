"""Ends that are in force before they are stored, and are tried again until they are."""

from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import AWAY_S, Backoff

T = TypeVar("T", bound=Hashable)


@define(eq=False)
class _Unstored:
    """
    An end that the store does not have yet. `attempts`: how many are in flight. `failure`: of the
    last attempt that failed. `timer`: for the next attempt.
    """

    # Its longest pause bounds how long other nodes may accept a cookie after the store is back.
    backoff: Backoff = field(factory=lambda: Backoff(*AWAY_S))
    attempts: int = 0
    failure: Failure | None = None
    timer: Any = None

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Insistence(Collection[T]):
    """
    The ends that are in force and that the store may not have yet, as a collection. On the
    reactor's thread.

    :param write: stores an end. It is called again for the same one, so it has to be idempotent.
    :param name: what the log calls an end: "cookie 4x…", "user 'joe'".
    """

    log = make_logger()

    def __init__(
        self, write: Callable[[T], Deferred[Any]], name: Callable[[T], str], reactor: Any
    ) -> None:
        self._write = write
        self._name = name
        self._reactor = reactor
        self._ends: dict[T, _Unstored] = {}
        self._stopped = False

    def __contains__(self, end: object) -> bool:
        return end in self._ends

    def __iter__(self) -> Iterator[T]:
        return iter(self._ends)

    def __len__(self) -> int:
        return len(self._ends)

    def start(self, end: T) -> Deferred[Any]:
        """
        Put an end in force, and store it. Fires with the result of `write`; fails if the first
        attempt does, while others follow.
        """
        unstored = self._ends.setdefault(end, _Unstored())
        if self._stopped:
            return fail(self._failed(Failure(StoreUnavailable("the store is closed")), end))
        return self._try(end, unstored)

    def stop(self) -> None:
        """Try each once more, and then no longer: the store is about to be closed. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        for end, unstored in list(self._ends.items()):
            unstored.cancel()
            if not unstored.attempts:
                self._try(end, unstored).addErrback(_logged)

    def _try(self, end: T, unstored: _Unstored) -> Deferred[Any]:
        unstored.attempts += 1
        return self._write(end).addCallbacks(self._stored, self._not_stored, (end,), {}, (end,), {})

    def _stored(self, result: Any, end: T) -> Any:
        unstored = self._ends[end]
        unstored.attempts -= 1
        # Another attempt that is in flight ends what has come since: it keeps the end in force.
        if not unstored.attempts:
            del self._ends[end]
            # A further attempt would end logins that were made since.
            unstored.cancel()
            if unstored.failure:
                self.log.info("the end of {name} is stored now", name=self._name(end))
        return result

    def _not_stored(self, failure: Failure, end: T) -> Failure:
        self._ends[end].attempts -= 1
        return self._failed(failure, end)

    def _failed(self, failure: Failure, end: T) -> Failure:
        unstored = self._ends[end]
        if self._stopped or not unstored.failure:
            self.log.critical(
                "the end of {name} cannot be stored; this worker refuses it and {again}: {cause}",
                name=self._name(end),
                again="does not try again" if self._stopped else "tries again until it is stored",
                cause=failure.value,
            )
        unstored.failure = failure
        if not (self._stopped or unstored.attempts or unstored.timer):
            pause = unstored.backoff.pause()
            unstored.timer = self._reactor.callLater(pause, self._try_again, end, unstored)
        return failure

    def _try_again(self, end: T, unstored: _Unstored) -> None:
        unstored.timer = None
        self._try(end, unstored).addErrback(_logged)


def _logged(_: Any) -> None:
    """It is logged, and tried again."""

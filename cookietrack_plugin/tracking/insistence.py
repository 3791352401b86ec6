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
    An end that the store does not have yet. `attempts`: in flight. `failure`: of the last one that
    failed. `timer`: for the next one.
    """

    # For as long as the last pause other nodes may accept a cookie after the store is back.
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
    What was ended, from that moment on until the store knows it too (invariant 5). It is a
    collection of these. On the reactor's thread.

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
        In force from now on; store it. Fires with what `write` gives; fails when the first attempt
        does, while others follow.
        """
        unstored = self._ends.setdefault(end, _Unstored())
        if self._stopped:
            return fail(self._failed(Failure(StoreUnavailable("the store is closed")), end))
        return self._try(end, unstored)

    def stop(self) -> None:
        """The store is about to be closed: one last attempt for each. Idempotent."""
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
        # One that began later ends what came after this one: until then it is in force.
        if not unstored.attempts:
            del self._ends[end]
            # Otherwise the end would come once more, and end logins that were made since.
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
                "the end of {name} cannot be stored, it is refused here and {again}: {cause}",
                name=self._name(end),
                again="not tried again" if self._stopped else "tried again until it is",
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

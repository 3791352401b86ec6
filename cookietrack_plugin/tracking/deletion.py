"""Deletions that are in force before they are stored, and tried again until they are."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete

# Seconds until a deletion that could not be stored is tried again: doubled each time. For as long
# as the last one other nodes may accept a cookie after the store is back.
FIRST_RETRY = 0.5
LAST_RETRY = 5.0


class Deletions:
    """
    Ids that were ended, from that moment until the store knows it too (invariant 5).

    :param stored: called with an id as soon as the store knows.
    """

    log = make_logger()

    def __init__(
        self, committer: Committer, reactor: IReactorTime, stored: Callable[[str], None]
    ) -> None:
        self._committer = committer
        self._tell = stored
        self._reactor = reactor
        self._refused: dict[str, Failure | None] = {}
        self._stopped = False

    def __contains__(self, id: str) -> bool:
        return id in self._refused

    def failure(self, id: str) -> Failure | None:
        """Why the deletion is not stored yet, if it failed at least once."""
        return self._refused.get(id)

    def start(self, id: str) -> Deferred[bool]:
        """
        Refuse the id from now on and store that. Fires with whether there was a record; fails when
        the first attempt does, while others follow.
        """
        self._refused.setdefault(id, None)
        if self._stopped:
            return fail(self._failed(Failure(StoreUnavailable("the store is closed")), id))
        return self._try(id, FIRST_RETRY)

    def stop(self) -> None:
        """The store is about to be closed: one last attempt for each. Idempotent."""
        if not self._stopped:
            self._stopped = True
            for id in [id for id, failure in self._refused.items() if failure]:
                self._try(id, LAST_RETRY).addErrback(_ignore)

    def _try(self, id: str, retry: float) -> Deferred[bool]:
        deleted = self._committer.submit(Delete(id))
        return deleted.addCallbacks(
            self._stored, self._failed, callbackArgs=(id,), errbackArgs=(id, retry)
        )

    def _stored(self, existed: bool, id: str) -> bool:
        self._tell(id)
        if self._refused.pop(id, None):
            self.log.info("the end of cookie {id} is stored now", id=id)
        return existed

    def _failed(self, failure: Failure, id: str, retry: float = LAST_RETRY) -> Failure:
        if self._stopped or not self._refused.get(id):
            self.log.critical(
                "the end of cookie {id} cannot be stored, it is refused here and {again}: {cause}",
                id=id,
                again="not tried again" if self._stopped else "tried again until it is",
                cause=failure.value,
            )
        self._refused[id] = failure
        if not self._stopped:
            self._reactor.callLater(retry, self._try_again, id, min(2 * retry, LAST_RETRY))
        return failure

    def _try_again(self, id: str, retry: float) -> None:
        if not self._stopped:
            self._try(id, retry).addErrback(_ignore)


def _ignore(_: Any) -> None:
    """It is logged, and tried again."""

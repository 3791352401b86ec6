"""Deletions that are in force before they are stored, and tried again until they are."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from txaio import make_logger

from cookietrack_plugin.committer import Committer
from cookietrack_plugin.record import Delete

# Seconds until a deletion that could not be stored is tried again: doubled each time.
FIRST_RETRY = 0.5
LAST_RETRY = 30.0


class Deletions:
    """Ids that were ended, from that moment until the store knows it too (invariant 5)."""

    log = make_logger()

    def __init__(self, committer: Committer, reactor: IReactorTime) -> None:
        self._committer = committer
        self._reactor = reactor
        self._refused: dict[str, Failure | None] = {}

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
        return self._try(id, FIRST_RETRY)

    def _try(self, id: str, retry: float) -> Deferred[bool]:
        deleted = self._committer.submit(Delete(id))
        return deleted.addCallbacks(
            self._stored, self._failed, callbackArgs=(id,), errbackArgs=(id, retry)
        )

    def _stored(self, existed: bool, id: str) -> bool:
        if self._refused.pop(id, None):
            self.log.info("the end of cookie {id} is stored now", id=id)
        return existed

    def _failed(self, failure: Failure, id: str, retry: float) -> Failure:
        self.log.critical(
            "the end of cookie {id} cannot be stored, it is refused here and tried again in"
            " {retry} seconds: {cause}",
            id=id,
            retry=retry,
            cause=failure.value,
        )
        self._refused[id] = failure
        if not self._committer.closed:
            self._reactor.callLater(retry, self._try_again, id, min(2 * retry, LAST_RETRY))
        return failure

    def _try_again(self, id: str, retry: float) -> None:
        self._try(id, retry).addErrback(_ignore)


def _ignore(_: Any) -> None:
    """It is logged, and tried again."""

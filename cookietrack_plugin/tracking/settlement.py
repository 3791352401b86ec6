"""Ends logins that several workers stored at the same moment and that together are too many."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.config.policy import Policy, login_time
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.backoff import AWAY_S, Backoff
from cookietrack_plugin.tracking.revocation import Revoker

# How long after a login is stored the user's are counted: by then the store has those of others.
DELAY_S = 0.2

_Limit = tuple[tuple[str, str], Policy]


class Settlement:
    """
    Ends the newest logins of a user beyond `Policy.max_sessions`. On the reactor's thread.

    The last of the workers to store a login finds all of them. Each that finds too many ends the
    same ones: as many as may be there are older than any that is ended.

    :param logins_of: the valid logins of an identity.
    """

    log = make_logger()

    def __init__(
        self,
        logins_of: Callable[[tuple[str, str], Policy], Deferred[list[Cookie]]],
        revoker: Revoker,
        reactor: Any,
    ) -> None:
        self._logins_of = logins_of
        self._revoker = revoker
        self._reactor = reactor
        self._backoff = Backoff(*AWAY_S)
        self._timers: dict[_Limit, Any] = {}
        self._stopped = False

    def settle(self, identity: tuple[str, str], policy: Policy) -> None:
        """Count the logins of a user again in a moment: one was stored."""
        self._count_in(DELAY_S, (identity, policy))

    def stop(self) -> None:
        """Count no more. Idempotent."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _count_in(self, seconds: float, limit: _Limit) -> None:
        if not self._stopped and limit not in self._timers:
            self._timers[limit] = self._reactor.callLater(seconds, self._count, limit)

    def _count(self, limit: _Limit) -> None:
        del self._timers[limit]
        identity, policy = limit
        counted = self._logins_of(identity, policy)
        counted.addCallbacks(self._end_newest, self._not_counted, (policy,), {}, (limit,), {})
        # `Insistence` has logged it, and tries again.
        counted.addErrback(lambda _: None)

    def _end_newest(self, logins: Sequence[Cookie], policy: Policy) -> Deferred[Any] | None:
        self._backoff.reset()
        newest = sorted(logins, key=_age)[policy.max_sessions :]
        # A store that is about to be closed takes no end.
        return self._revoker.revoke_excess(newest) if newest and not self._stopped else None

    def _not_counted(self, failure: Failure, limit: _Limit) -> None:
        if not self._stopped:
            self.log.debug("sessions are not counted yet: {cause}", cause=failure.value)
            self._count_in(self._backoff.pause(), limit)


def _age(login: Cookie) -> tuple[int, str]:
    """The same order for all workers."""
    return login_time(login), login.id

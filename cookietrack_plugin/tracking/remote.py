"""What takes effect here of what other workers and nodes, or the command, have revoked."""

from typing import Any

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.revocation import LOGOUT, Revoker
from cookietrack_plugin.tracking.termination import Termination


class RemoteRevocations:
    """For the feed. On the reactor's thread."""

    def __init__(
        self,
        store: AsyncStore,
        connections: Connections,
        termination: Termination,
        revoker: Revoker,
    ) -> None:
        self._store = store
        self._connections = connections
        self._termination = termination
        self._revoker = revoker

    def apply(self, revoked: str | UserRevoked) -> Deferred[Any]:
        """An entry of the feed. Fires when it has taken effect; fails when that cannot be known."""
        # What a look-up in flight has read may be older than this.
        if isinstance(revoked, UserRevoked):
            self._store.invalidate()
            self._revoker.user_revoked_remotely(revoked)
            return succeed(None)
        self._store.invalidate(revoked)
        return self._check(revoked) if self._connections.active(revoked) else succeed(None)

    def resynchronize(self) -> Deferred[Any]:
        """
        Nobody can tell any more what was revoked: look up every cookie with an open connection, and
        end the logins that no record has.
        """
        self._store.invalidate()
        checks = gathered([self._check(cookie.id) for cookie in self._connections.cookies()])
        return checks.addCallback(lambda _: self._end_unrecorded())

    def _check(self, id: str) -> Deferred[None]:
        return self._store.load(id).addCallback(self._checked, id)

    def _checked(self, record: Cookie | None, id: str) -> None:
        self._revoker.revoked_remotely(id, record)

    def _end_unrecorded(self) -> None:
        doomed = [each for each in self._connections if _is_unrecorded(each)]
        self._termination.end(doomed, LOGOUT)


def _is_unrecorded(connection: TrackedConnection) -> bool:
    """Whether there is a login on it that the record of its cookie does not have."""
    if connection.session is None or not connection.is_logged_in():
        return False
    cookie = connection.cookie
    return cookie is None or cookie.owner != connection.session.identity

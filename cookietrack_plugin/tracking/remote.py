"""Applies what other workers and nodes, or the command, have revoked."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.revocation import LOGOUT, Revoker
from cookietrack_plugin.tracking.termination import Termination

# Look-ups in one turn of the reactor: some stores are read on its thread.
MAX_PER_TURN = 200


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

    def apply(self, page: Sequence[str | UserRevoked]) -> Deferred[Any]:
        """
        Apply a page of the feed. Fires when it has taken effect; fails if a record cannot be looked
        up.
        """
        self._store.answered()
        for revoked in page:
            self._note(revoked)
        return self._check([id for id in page if isinstance(id, str)])

    @inlineCallbacks
    def resynchronize(self) -> Any:
        """
        Look up every cookie with an open connection, and end the logins that no record has: the
        feed has lost its position, and with it what was revoked. Fires as `apply` does.
        """
        self._store.answered()
        self._store.invalidate()
        self._revoker.lost_position()
        yield self._check([cookie.id for cookie in self._connections.cookies()])
        doomed = [each for each in self._connections if _is_unrecorded(each)]
        self._termination.end(doomed, LOGOUT)

    def _note(self, revoked: str | UserRevoked) -> None:
        # What a look-up in flight has read may be older than this.
        if isinstance(revoked, UserRevoked):
            self._store.invalidate()
            self._revoker.user_revoked_remotely(revoked)
        else:
            self._store.invalidate(revoked)

    @inlineCallbacks
    def _check(self, ids: Sequence[str]) -> Any:
        """Look up those of the records that connections are open with."""
        active = [id for id in dict.fromkeys(ids) if self._has_record(id)]
        for start in range(0, len(active), MAX_PER_TURN):
            if start:
                yield self._store.next_turn()
            some = active[start : start + MAX_PER_TURN]
            yield gathered([self._store.load(id).addCallback(self._checked, id) for id in some])

    def _has_record(self, id: str) -> bool:
        cookie = self._connections.active(id)
        return cookie is not None and cookie.persists

    def _checked(self, record: Cookie | None, id: str) -> None:
        self._revoker.revoked_remotely(id, record)


def _is_unrecorded(connection: TrackedConnection) -> bool:
    """Whether there is a login on it that the record of its cookie does not have."""
    if connection.session is None or not connection.is_logged_in():
        return False
    cookie = connection.cookie
    return cookie is None or cookie.owner != connection.session.identity

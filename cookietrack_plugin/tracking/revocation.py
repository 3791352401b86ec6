"""The end of cookies: refused at once, durable before anybody is told, connections closed."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from cookietrack_plugin.access.deferreds import first_error
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.tracking.connections import Connection, Connections
from cookietrack_plugin.tracking.deletion import Deletions
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.lifetime import Lifetimes

LOGOUT = "wamp.close.logout"
EXPIRED = "cookietrack.close.expired"


class Endings:
    """The tracker's part for what ends a cookie. On the reactor's thread."""

    def __init__(
        self,
        deletions: Deletions,
        connections: Connections,
        lookup: Lookup,
        lifetimes: Lifetimes,
        events: Events,
        reactor: IReactorTime,
    ) -> None:
        self._deletions = deletions
        self._connections = connections
        self._lookup = lookup
        self._lifetimes = lifetimes
        self._events = events
        self._reactor = reactor
        # Authids that are being ended, None for all: their logins must not slip through.
        self._barred: Counter[str | None] = Counter()

    def revoke(
        self, id: str, spare: Callable[[Connection], bool] = lambda _: False
    ) -> Deferred[tuple[int, int]]:
        """
        End a cookie: refused from this moment on; its connections are closed once the deletion is
        durable. Fails when it could not be stored: it is still refused by this process, its
        connections are closed, and it is tried again until it is stored.

        :param spare: connections for which this is true stay open, without the cookie.
        :returns: a Deferred with how many records and how many connections were ended, 0 or 1 of
            the former.
        """
        event = self._end_of(id)
        ended = self._cut_off(id, spare)
        deleted = self._deletions.start(id)
        deleted.addBoth(self._close_connections, ended, LOGOUT)
        return deleted.addCallback(self._revoked, event, len(ended))

    def revoke_all(self, ids: Iterable[str]) -> Deferred[tuple[int, int]]:
        """End a set of cookies; the sums of what `revoke` gives. Fails with the first failure."""
        ending = gatherResults([self.revoke(id) for id in set(ids)], consumeErrors=True)
        return ending.addCallbacks(
            lambda ends: (sum(end[0] for end in ends), sum(end[1] for end in ends)), first_error
        )

    def elsewhere(self, id: str) -> int:
        """
        Another worker or node, or the command, has ended a cookie: close its connections here; how
        many there were. Who was connected here is told of here, too.
        """
        event = self._end_of(id, "elsewhere")
        if closed := self._close_all(id, LOGOUT):
            self._events.tell(event)
        return closed

    def expired(self, id: str, cookie: Cookie | None) -> None:
        """A cookie has expired under its connections: close them."""
        if self._close_all(id, EXPIRED):
            auth = cookie.auth if cookie else None
            told = (auth.authid, auth.authrealm) if auth else (None, None)
            self._events.tell(Event(Kind.EXPIRED, id, *told))

    def bar(self, authid: str | None) -> None:
        """From now on, end the cookie of every login of `authid` (None: of every login)."""
        self._barred[authid] += 1

    def unbar(self, authid: str | None) -> None:
        """Take one `bar` back."""
        self._barred[authid] -= 1
        if not self._barred[authid]:
            del self._barred[authid]

    def bars(self, authid: str) -> bool:
        """Whether a login of `authid` ends its cookie."""
        return bool(self._barred[authid] or self._barred[None])

    def _close_all(self, id: str, reason: str) -> int:
        """The record is gone: close its connections; how many there were."""
        self._lookup.overtake(id)
        ended = self._cut_off(id, lambda _: False)
        self._close_connections(None, ended, reason)
        return len(ended)

    def _cut_off(self, id: str, spare: Callable[[Connection], bool]) -> list[Connection]:
        self._lifetimes.ended(id)
        connections = self._connections.take(id)
        for connection in connections:
            connection.forget_login()
        return [connection for connection in connections if not spare(connection)]

    def _end_of(self, id: str, detail: str | None = None) -> Event:
        """The event of its end, with whose it is so far as that is known here."""
        live = self._connections.live(id)
        auth = live.cookie.auth if live else None
        realm = auth.authrealm if auth else None
        return Event(Kind.REVOKED, id, live.owner if live else None, realm, detail)

    def _revoked(self, existed: bool, event: Event, closed: int) -> tuple[int, int]:
        if existed:
            self._events.tell(event)
        return int(existed), closed

    def _close_connections(self, result: Any, ended: list[Connection], reason: str) -> Any:
        # Not in this turn: the connection that logs out has yet to send its own GOODBYE.
        for connection in ended:
            self._reactor.callLater(0, connection.end_session, reason)
        return result

"""Ends cookies and users: refused at once, durable before it is acknowledged, sessions ended."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.tracking.connections import ActiveCookie, Connections, TrackedConnection
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.freshness import Freshness
from cookietrack_plugin.tracking.insistence import Insistence
from cookietrack_plugin.tracking.lifetime import Lifetimes
from cookietrack_plugin.tracking.recent import RecentRevocations
from cookietrack_plugin.tracking.spread import SpreadCalls
from cookietrack_plugin.tracking.termination import Ending, Termination

LOGOUT = "wamp.close.logout"


@frozen
class Ended:
    """How many records were ended, and how many connections were closed by this worker."""

    cookies: int
    connections: int

    def __add__(self, other: "Ended") -> "Ended":
        return Ended(self.cookies + other.cookies, self.connections + other.connections)


class Revoker:
    """The tracker's part for what ends cookies and users. On the reactor's thread."""

    def __init__(
        self,
        connections: Connections,
        termination: Termination,
        lifetimes: Lifetimes,
        recent: RecentRevocations,
        deletions: Insistence[str],
        revocations: Insistence[UserRevoked],
        freshness: Freshness,
        events: Events,
        calls: SpreadCalls,
    ) -> None:
        self._connections = connections
        self._termination = termination
        self._lifetimes = lifetimes
        self._recent = recent
        self._deletions = deletions
        self._revocations = revocations
        self._freshness = freshness
        self._events = events
        self._calls = calls

    def revoke(self, ids: Iterable[str]) -> Deferred[Ended]:
        """
        End cookies: refused from this moment on, and acknowledged when that is durable and no
        session of theirs is on the router. Fails when one could not be stored: it is still refused
        by this process, its connections are closed, and it is tried again until it is stored.
        """
        endings = gathered([self._revoke(id) for id in set(ids)])
        return endings.addCallback(lambda ended: sum(ended, Ended(0, 0)))

    def log_out(self, connection: TrackedConnection) -> Deferred[Any]:
        """
        End the cookie of a connection, which itself goes on without it. Fires as `revoke` does.
        """
        if connection.id is None:
            return succeed(None)
        return self._revoke(connection.id, spared=connection)

    @inlineCallbacks
    def revoke_user(self, revoked: UserRevoked) -> Any:
        """
        End all that is logged in as a user, with and without a record: `revoke`, and the logins of
        the user that have begun and not joined. A Deferred with `Ended`.
        """
        ending = self._end_user(revoked)
        try:
            cookies = yield self._revocations.start(revoked)
        finally:
            # Those that came while it was stored as well: their logins are not fenced where the
            # store has no feed.
            later = self._end_user(revoked)
            yield gathered([each.close(LOGOUT) for each in (ending, later)])
        self._events.publish(_event_of(revoked, cookies))
        # So that a login after this has begun after the revocation in the eyes of this worker too.
        yield self._freshness.next_sync()
        return Ended(cookies, len(ending.connections) + len(later.connections))

    def revoked_remotely(self, id: str, record: Cookie | None) -> None:
        """
        Another worker or node, or the command, has ended a cookie, or logged in another identity.
        Publishes an event if this worker had connections of it.
        """
        cookie = self._connections.active(id)
        if cookie is None:
            return
        if record is None:
            event = _event(cookie, "elsewhere")
            self._lifetimes.ended(id)
            self._termination.end(list(cookie.connections), LOGOUT)
            self._events.publish(event)
        else:
            self.update(cookie, record)

    def lost_position(self) -> None:
        """Nobody can tell who was revoked: logins that have begun and not joined are refused."""
        self._recent.lose()

    def user_revoked_remotely(self, revoked: UserRevoked) -> None:
        """Another worker or node, or the command, has ended a user."""
        self._end_user(revoked, "elsewhere").close(LOGOUT)

    def update(self, cookie: ActiveCookie, record: Cookie) -> None:
        """
        Note a record that changed. If it is another identity's now, the sessions of those who owned
        it before end: a handshake or a HELLO may have seen the change first.
        """
        self._connections.update(cookie, record)
        former, cookie.former = cookie.former, set()
        doomed = [
            each
            for each in cookie.connections
            if each.session and each.session.identity in former - {cookie.owner}
        ]
        # Each login comes by, and hardly any ends another.
        if doomed:
            self._termination.end(doomed, LOGOUT)

    def _revoke(self, id: str, spared: TrackedConnection | None = None) -> Deferred[Ended]:
        cookie = self._connections.active(id)
        event = _event(cookie) if cookie else Event(Kind.REVOKED, id)
        ending = self._end_cookie(id, spared)

        def acknowledge(result: Any) -> Any:
            return ending.close(LOGOUT).addCallback(lambda _: result)

        deleted = self._deletions.start(id).addBoth(acknowledge)
        return deleted.addCallback(self._revoked, event, len(ending.connections))

    def _revoked(self, existed: bool, event: Event, connections: int) -> Ended:
        if existed:
            self._events.publish(event)
        return Ended(int(existed), connections)

    def _end_cookie(self, id: str, spared: TrackedConnection | None) -> Ending:
        self._lifetimes.ended(id)
        if spared is not None:
            spared.link.forget_login()
            self._connections.part(spared)
        return self._termination.begin(self._connections.of(id))

    def _end_user(self, revoked: UserRevoked, detail: str | None = None) -> Ending:
        """End the user's connections here, and refuse the logins that began before."""
        self._recent.add(revoked)
        doomed = self._connections.ended_by(revoked)
        cookies = dict.fromkeys(each.cookie for each in doomed if each.cookie)
        events = [_event(cookie, detail) for cookie in cookies]
        for cookie in cookies:
            self._lifetimes.ended(cookie.id)
        ending = self._termination.begin(doomed)
        for event in events:
            self._calls.add(partial(self._events.publish, event))
        return ending


def _event(cookie: ActiveCookie, detail: str | None = None) -> Event:
    """The event of its end, with whose it is as far as that is known here."""
    authid, authrealm = cookie.owner or (None, None)
    return Event(Kind.REVOKED, cookie.id, authid, authrealm, detail)


def _event_of(revoked: UserRevoked, cookies: int) -> Event:
    detail = f"{cookies} cookie{'' if cookies == 1 else 's'}"
    return Event(Kind.REVOKED, None, revoked.authid, revoked.authrealm, detail)

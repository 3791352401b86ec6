"""Ends cookies and users: refused at once, durable before it is acknowledged, sessions ended."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cookietrack_plugin.access.deferreds import gathered
from cookietrack_plugin.audit.entry import Actor, By
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
# The reason for which a login is ended whose user has too many.
EXCESS = "cookietrack.close.too_many_sessions"
TOO_MANY = "too many sessions"
ELSEWHERE, POLICY = Actor(By.ELSEWHERE), Actor(By.POLICY)


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

    def revoke(self, ids: Iterable[str], actor: Actor) -> Deferred[Ended]:
        """
        End cookies: refused from this moment on, and acknowledged when that is durable and no
        session of theirs is on the router. Fails when one could not be stored: it is still refused
        by this process, its connections are closed, and it is tried again until it is stored.
        """
        return _sum([self._revoke(id, actor) for id in set(ids)])

    def revoke_excess(self, logins: Iterable[Cookie]) -> Deferred[Ended]:
        """End logins of a user who has too many, as `revoke` does, with `EXCESS` as the reason."""
        return _sum([self._revoke(each.id, POLICY, excess=each) for each in logins])

    def log_out(self, connection: TrackedConnection, actor: Actor) -> Deferred[Any]:
        """
        End the cookie of a connection, which itself goes on without it. Fires as `revoke` does.
        """
        if connection.id is None:
            if connection.is_logged_in():
                self._events.publish(_event_of_session(connection, actor))
            return succeed(None)
        if connection.cookie is not None and not connection.cookie.persists:
            # The store has nothing of it.
            self._end_cookie(connection.id, connection)
            return succeed(None)
        return self._revoke(connection.id, actor, spared=connection)

    @inlineCallbacks
    def revoke_user(self, revoked: UserRevoked, actor: Actor) -> Any:
        """
        End all sessions and records of a user as `revoke` does, and the user's logins that have
        begun and not joined. A Deferred with `Ended`.
        """
        ending = self._end_user(revoked, actor)
        try:
            cookies = yield self._revocations.start(revoked)
        finally:
            # Those that came while it was stored, too: a store without a feed does not fence them.
            later = self._end_user(revoked, actor)
            yield gathered([each.close(LOGOUT) for each in (ending, later)])
        self._events.publish(_event_of(revoked, cookies, actor))
        # A login that begins after this must come after the revocation for this worker as well.
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
            event = _event(cookie, ELSEWHERE)
            self._lifetimes.ended(id)
            self._termination.end(list(cookie.connections), LOGOUT)
            self._events.publish(event)
        else:
            self.update(cookie, record)

    def lost_position(self) -> None:
        """Refuse the logins that have begun and not joined: their users may have been revoked."""
        self._recent.lose()

    def user_revoked_remotely(self, revoked: UserRevoked) -> None:
        """Another worker or node, or the command, has ended a user."""
        self._end_user(revoked, ELSEWHERE).close(LOGOUT)

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
        # Every login passes here, and hardly any ends another.
        if doomed:
            self._termination.end(doomed, LOGOUT)

    def _revoke(
        self,
        id: str,
        actor: Actor,
        spared: TrackedConnection | None = None,
        excess: Cookie | None = None,
    ) -> Deferred[Ended]:
        cookie = self._connections.active(id)
        reason = EXCESS if excess else LOGOUT
        if excess:
            event = _event_of_excess(excess)
        else:
            event = _event(cookie, actor) if cookie else _revoked(id, actor)
        ending = self._end_cookie(id, spared)

        def acknowledge(result: Any) -> Any:
            return ending.close(reason).addCallback(lambda _: result)

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

    def _end_user(self, revoked: UserRevoked, actor: Actor) -> Ending:
        """End the user's connections here, and refuse the logins that began before."""
        self._recent.add(revoked)
        doomed = self._connections.ended_by(revoked)
        cookies = dict.fromkeys(each.cookie for each in doomed if each.cookie)
        events = [_event(cookie, actor) for cookie in cookies]
        for cookie in cookies:
            self._lifetimes.ended(cookie.id)
        ending = self._termination.begin(doomed)
        for event in events:
            self._calls.add(partial(self._events.publish, event))
        return ending


def _sum(endings: list[Deferred[Ended]]) -> Deferred[Ended]:
    return gathered(endings).addCallback(lambda ended: sum(ended, Ended(0, 0)))


def _event(cookie: ActiveCookie, actor: Actor) -> Event:
    """The event of its end, with whose it is as far as that is known here."""
    detail = actor.by.value if actor is ELSEWHERE else None
    return _revoked(cookie.id, actor, cookie.owner, detail, cookie.record.peer)


def _event_of_excess(login: Cookie) -> Event:
    identity = login.auth.identity if login.auth else None
    return _revoked(login.id, POLICY, identity, TOO_MANY, login.peer, EXCESS)


def _event_of_session(connection: TrackedConnection, actor: Actor) -> Event:
    """Of a session whose connection has no cookie any more."""
    identity = connection.session.identity if connection.session else None
    return _revoked(None, actor, identity, peer=connection.link.peer)


def _event_of(revoked: UserRevoked, cookies: int, actor: Actor) -> Event:
    detail = f"{cookies} cookie{'' if cookies == 1 else 's'}"
    return _revoked(None, actor, (revoked.authid, revoked.authrealm), detail)


def _revoked(
    id: str | None,
    actor: Actor,
    identity: tuple[str | None, str | None] | None = None,
    detail: str | None = None,
    peer: str | None = None,
    reason: str = LOGOUT,
) -> Event:
    owner = identity or (None, None)
    return Event(Kind.REVOKED, id, *owner, detail, peer, actor, reason)

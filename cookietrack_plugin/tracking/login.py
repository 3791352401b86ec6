"""Logins: stored before the router hears of them, and refused where their user was revoked."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Authenticate, Cookie, UserRevoked
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import ActiveCookie, Connections, TrackedConnection
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.freshness import Freshness
from cookietrack_plugin.tracking.insistence import Insistence
from cookietrack_plugin.tracking.recent import RecentRevocations
from cookietrack_plugin.tracking.revocation import Revoker
from cookietrack_plugin.tracking.validity import Validity


class LoginRefused(Exception):
    """The session must not join: the message says why, for the log and for the client."""


class Logins:
    """The tracker's part between HELLO and the join. On the reactor's thread."""

    log = make_logger()

    def __init__(
        self,
        store: AsyncStore,
        validity: Validity,
        connections: Connections,
        revoker: Revoker,
        recent: RecentRevocations,
        revocations: Insistence[UserRevoked],
        freshness: Freshness,
        clock: Clock,
        events: Events,
        reactor: Any,
    ) -> None:
        self._store = store
        self._validity = validity
        self._connections = connections
        self._revoker = revoker
        self._recent = recent
        self._revocations = revocations
        self._freshness = freshness
        self._clock = clock
        self._events = events
        self._seconds: Callable[[], float] = reactor.seconds

    def begin(self, connection: TrackedConnection) -> Deferred[Cookie | None]:
        """
        A HELLO has come. Fires with the record of the connection's cookie as it is now: None where
        it was ended, has expired, or when the truth cannot be known.
        """
        connection.since = self._freshness.position
        connection.heard = self._recent.position
        cookie = connection.cookie
        if cookie is None:
            return succeed(None)
        if self._needs_no_look_up(connection, cookie):
            return succeed(self.known(cookie.id, connection.policy))
        asked = self._seconds()
        loaded = self._store.load(cookie.id).addCallback(self._loaded, connection, cookie, asked)
        return loaded.addErrback(self._unknown, cookie.id)

    def _needs_no_look_up(self, connection: TrackedConnection, cookie: ActiveCookie) -> bool:
        if connection.fresh and cookie.owner is None:
            # Nobody can be logged in by it, and the store refuses a login if it was ended since.
            return True
        return self._store.reads_block and not self._freshness.is_stale(cookie.read)

    def known(self, id: str, policy: Policy) -> Cookie | None:
        """
        The record of a connection's cookie without asking: what `begin` found, or the feed since.
        """
        cookie = self._connections.active(id)
        if cookie is None:
            return None
        return self._validity.valid(self._store.overlay(id, cookie.record), policy)

    def accept(self, connection: TrackedConnection, session: Auth, stores: bool) -> Deferred[None]:
        """
        A session is about to join. Fires when its login is durable, if it is to be stored; the
        router attaches it in the same turn.

        :param stores: whether a login is stored with the cookie, or that only tracks.
        Fails with `LoginRefused`, and with the store's error.
        """
        if refusal := self._refusal(connection, session):
            return fail(refusal)
        cookie = connection.cookie
        if not stores or cookie is None:
            return self._join_now(connection, session)
        rotates, owner = connection.policy.rotates, cookie.owner
        if rotates and owner not in (None, session.identity):
            # It may have been planted: others who know it would become the user who logs in.
            ended = self._revoker.log_out(connection)
            return ended.addCallback(lambda _: self._join(connection, session))
        if rotates and owner is None and not connection.fresh:
            return self._join_now(connection, session)
        return self._store_login(connection, cookie, session)

    def _join_now(self, connection: TrackedConnection, session: Auth) -> Deferred[None]:
        self._connections.join(connection, session)
        return succeed(None)

    def _store_login(
        self, connection: TrackedConnection, cookie: ActiveCookie, session: Auth
    ) -> Deferred[None]:
        change = Authenticate(cookie.id, session, self._clock.now(), connection.since)
        return self._store.submit(change).addCallback(self._stored, connection, cookie, change)

    def _stored(
        self,
        applied: bool,
        connection: TrackedConnection,
        cookie: ActiveCookie,
        change: Authenticate,
    ) -> None:
        if not applied:
            raise LoginRefused("the cookie was ended, or its user revoked, during the login")
        auth, record = change.auth, cookie.record
        # First: the cookie's other connections know its owner by it, even if this one is refused.
        self._revoker.update(cookie, evolve(record, auth=auth, seen=max(record.seen, change.at)))
        self._join(connection, auth)
        self._events.publish(
            Event(Kind.AUTHENTICATED, change.id, auth.authid, auth.authrealm, auth.authmethod)
        )

    def _join(self, connection: TrackedConnection, session: Auth) -> None:
        if refusal := self._refusal(connection, session):
            raise refusal
        self._connections.join(connection, session)

    def _refusal(self, connection: TrackedConnection, session: Auth) -> LoginRefused | None:
        if connection.ended:
            return LoginRefused("the connection was ended during the login")
        id = connection.id
        if self._recent.refuses(connection.heard, id, session) or any(
            revoked.ends(id, session) for revoked in self._revocations
        ):
            return LoginRefused("the user was revoked during the login")
        return None

    def _loaded(
        self,
        record: Cookie | None,
        connection: TrackedConnection,
        cookie: ActiveCookie,
        asked: float,
    ) -> Cookie | None:
        if record is not None:
            self._connections.update(cookie, record)
            cookie.read = max(cookie.read, asked)
        return self._validity.valid(record, connection.policy)

    def _unknown(self, failure: Failure, id: str) -> None:
        self.log.error("cookie {id} cannot be looked up: {cause}", id=id, cause=failure.value)

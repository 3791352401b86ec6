"""Logins: stored before the router hears of them, and refused where their user was revoked."""

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete, Touch, UserRevoked
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import ActiveCookie, Connections, TrackedConnection
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.freshness import Freshness
from cookietrack_plugin.tracking.insistence import Insistence
from cookietrack_plugin.tracking.limits import SessionLimits
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
        limits: SessionLimits,
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
        self._limits = limits
        self._seconds: Callable[[], float] = reactor.seconds

    def begin(self, connection: TrackedConnection) -> Deferred[Cookie | None]:
        """
        Begin a login: a HELLO has come. Fires with the record of the connection's cookie as it is
        now; None if it was ended, has expired, or cannot be looked up.
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
        return loaded.addErrback(self._not_loaded, cookie, asked)

    def _needs_no_look_up(self, connection: TrackedConnection, cookie: ActiveCookie) -> bool:
        if connection.fresh and cookie.owner is None:
            # It logs nobody in, and if it was ended since, the store refuses a login on it.
            return True
        if self._is_doubted(cookie):
            return False
        return self._store.reads_block and not self._freshness.is_stale(cookie.read)

    def _is_doubted(self, cookie: ActiveCookie) -> bool:
        """Whether it may have been ended, although this worker has not heard of it."""
        doubted = cookie.doubted
        return doubted is not None and not self._freshness.has_synced_since(doubted)

    def known(self, id: str, policy: Policy) -> Cookie | None:
        """
        The record of a connection's cookie, without asking the store: as `begin` found it, or the
        feed since. None if it is not valid, or `begin` could not find that out.
        """
        cookie = self._connections.active(id)
        if cookie is None or self._is_doubted(cookie):
            return None
        return self._validity.valid(self._store.overlay(id, cookie.record), policy)

    def accept(self, connection: TrackedConnection, session: Auth, stores: bool) -> Deferred[None]:
        """
        Store the login of a session that is about to join, if it is to be stored. Fires when it is
        durable; the router attaches the session in the same turn.

        :param stores: whether the login is stored with the cookie, or the cookie only tracks.
        :returns: a Deferred. It fails with `LoginRefused`, as `SessionLimits.admit` does, and with
            the store's error.
        """
        if refusal := self._refusal(connection, session):
            return fail(refusal)
        cookie = connection.cookie
        if not stores or cookie is None:
            return self._join_now(connection, session)
        if _must_end(cookie, connection.policy, session):
            ended = self._revoker.log_out(connection, Actor(By.POLICY, *session.identity))
            return ended.addCallback(lambda _: self._join(connection, session))
        if connection.policy.rotates and cookie.owner is None and not connection.fresh:
            return self._join_now(connection, session)
        store = partial(self._store_login, connection, cookie, session)
        return self._limits.admit(connection, session, store)

    def _join_now(self, connection: TrackedConnection, session: Auth) -> Deferred[None]:
        self._connections.join(connection, session)
        return succeed(None)

    def _store_login(
        self, connection: TrackedConnection, cookie: ActiveCookie, session: Auth
    ) -> Deferred[None]:
        # It may have waited for other logins of its user.
        if refusal := self._refusal(connection, session):
            return fail(refusal)
        now, record = self._clock.now(), cookie.record
        if not cookie.persists:
            return self._create(connection, cookie, session, now)
        login = Authenticate(cookie.id, session, now, connection.since)
        record = evolve(record, auth=session, seen=max(record.seen, now))
        stored = self._store.submit(login)
        if connection.policy.first_max_age is not None:
            record = self._confirm(record, connection)
        return stored.addCallback(self._stored, connection, cookie, record)

    def _confirm(self, record: Cookie, connection: TrackedConnection) -> Cookie:
        """Prolong the record beyond `first_max_age`, right behind the login."""
        expires = connection.policy.expires(connection.limit, record.seen)
        record = evolve(record, expires=max(record.expires, expires))
        touch = Touch(record.id, record.seen, record.expires, record.peer, record.user_agent)
        self._store.submit(touch).addErrback(self._failed, record.id, "prolonged")
        return record

    def _create(
        self, connection: TrackedConnection, cookie: ActiveCookie, session: Auth, now: int
    ) -> Deferred[None]:
        """Store the record and its login in one change; once only, as a failure ends both."""
        expires = connection.policy.expires(connection.limit, now)
        made = cookie.record
        record = Cookie(made.id, made.created, expires, now, made.peer, made.user_agent, session)
        if not self._validity.is_valid(record, connection.policy):
            return fail(LoginRefused("the cookie expired during the login"))
        cookie.persists = True
        created = self._store.submit(Create(record, connection.since))
        created.addCallback(self._is_made, record)
        created.addCallback(self._stored, connection, cookie, record)
        return created.addCallback(lambda _: self._delete_replaced(connection))

    def _is_made(self, applied: bool, record: Cookie) -> bool | Deferred[bool]:
        """Whether the store has the record: a commit that was cut off may have been applied."""
        if applied:
            return True
        return self._store.load(record.id).addCallback(_is_same, record)

    def _stored(
        self, applied: bool, connection: TrackedConnection, cookie: ActiveCookie, login: Cookie
    ) -> None:
        if not applied:
            raise LoginRefused("the cookie was ended, or its user revoked, during the login")
        auth = login.auth
        assert auth is not None
        # First: even if this session is refused, the cookie's other connections have a new owner.
        self._revoker.update(cookie, _with_login(cookie.record, login))
        self._join(connection, auth)
        self._events.publish(_authenticated(cookie.id, auth, connection))

    def _delete_replaced(self, connection: TrackedConnection) -> None:
        """Delete the record that the client came with, unless others use it."""
        id, connection.replaced = connection.replaced, None
        if id is not None and self._connections.active(id) is None:
            deleted = self._store.load(id).addCallback(self._delete_unused)
            deleted.addErrback(self._failed, id, "removed")

    def _delete_unused(self, record: Cookie | None) -> Deferred[bool] | None:
        # Somebody may have logged in with it since, where that is allowed.
        if record is None or record.auth is not None:
            return None
        return self._store.submit(Delete(record.id))

    def _join(self, connection: TrackedConnection, session: Auth) -> None:
        if refusal := self._refusal(connection, session):
            raise refusal
        self._connections.join(connection, session)

    def _refusal(self, connection: TrackedConnection, session: Auth) -> LoginRefused | None:
        if connection.ended:
            return LoginRefused("the connection was ended during the login")
        id = connection.came_with
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
        cookie.doubted = asked if record is None else None
        if record is not None:
            self._connections.update(cookie, record)
            cookie.read = max(cookie.read, asked)
        return self._validity.valid(record, connection.policy)

    def _not_loaded(self, failure: Failure, cookie: ActiveCookie, asked: float) -> None:
        cookie.doubted = asked
        self._failed(failure, cookie.id, "looked up")

    def _failed(self, failure: Failure, id: str, what: str) -> None:
        text = "cookie {id} cannot be {what}: {cause}"
        self.log.error(text, id=id, what=what, cause=failure.value)


def _must_end(cookie: ActiveCookie, policy: Policy, session: Auth) -> bool:
    """
    Whether a login ends the cookie that it came with. It may have been planted: others who know it
    would become the user who logs in. Or it may have been stolen from that user.
    """
    if not policy.rotates or cookie.owner is None:
        return False
    return policy.always_rotates or cookie.owner != session.identity


def _is_same(found: Cookie | None, made: Cookie) -> bool:
    if found is None or found.auth is None or made.auth is None:
        return False
    here = made.created, made.auth.identity, made.auth.at
    return made.auth.at is not None and here == (found.created, found.auth.identity, found.auth.at)


def _with_login(record: Cookie, login: Cookie) -> Cookie:
    """The record as it is known now, with what was stored with its login."""
    seen, expires = max(record.seen, login.seen), max(record.expires, login.expires)
    return evolve(record, auth=login.auth, seen=seen, expires=expires)


def _authenticated(id: str, auth: Auth, connection: TrackedConnection) -> Event:
    return Event(
        Kind.AUTHENTICATED,
        id,
        *auth.identity,
        detail=auth.authmethod,
        peer=connection.link.peer,
        actor=Actor(By.CLIENT, *auth.identity),
        reason=auth.authmethod,
    )

"""Who is in: the face of this room."""

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred, succeed

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Auth, Cookie, UserRevoked, is_id
from cookietrack_plugin.tracking.admission import Admission, Issue, Visitor
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import Link, TrackedConnection
from cookietrack_plugin.tracking.events import Event, Kind
from cookietrack_plugin.tracking.parts import Parts
from cookietrack_plugin.tracking.records import Records
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended
from cookietrack_plugin.tracking.termination import NORMAL_CLOSURE
from cookietrack_plugin.tracking.visits import RecentVisit, Visit, user_of

OPERATOR = Actor(By.OPERATOR)


class Tracker(Records):
    """
    Who is in, for one store: its cookies, the connections of this worker, and the sessions on them.
    On the reactor's thread; nothing here waits.

    :param reactor: gives threads and timers: see `MonotonicReactor`.
    :param clock: the time by which the store's records live.
    :param position: in the store's feed, before the first connection; None where it has none.
    :param label: what the log calls the store.
    """

    def __init__(
        self,
        store: AsyncStore,
        reactor: Any,
        clock: Clock,
        position: Any = None,
        label: str = "the cookie store",
    ) -> None:
        parts = Parts(store, reactor, clock, position, label)
        super().__init__(store, parts.validity, parts.connections)
        self.clock, self.events, self.audit = clock, parts.events, parts.audit
        self.health, self.stored = parts.health, parts.stored
        # Whether a transport has a `fresh_for`.
        self.asks_freshness = False
        self._deletions, self._revocations = parts.deletions, parts.revocations
        self._termination, self._lifetimes = parts.termination, parts.lifetimes
        self._revoker, self._limits = parts.revoker, parts.limits
        self._logins, self._admissions, self._visits = parts.logins, parts.admissions, parts.visits
        # What works in the background, and is stopped before the store is closed.
        self._background = parts.background()
        self._closed: Deferred[Any] | None = None

    def admit(self, visitor: Visitor, issue: Issue, policy: Policy) -> Deferred[Admission]:
        """A handshake: see `Admissions.admit`."""
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return self._admissions.admit(visitor, issue, policy)

    def visit(
        self, visitor: Visitor, policy: Policy, link: Link, recent: RecentVisit | None = None
    ) -> Visit | Deferred[Visit | None]:
        """
        Who a request is from; None if nobody is logged in with its cookie. The request counts as a
        connection, so that the end of its session cuts the answer short: `drop` it in the end.

        :param recent: a visit of the same visitor under the same policy. If the store says at once
            that its record is still the same, the result is no Deferred.
        """
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        if recent is not None and (visit := self._visits.again(recent, link)) is not None:
            return visit
        recognised = self._visits.recognise(visitor, policy, recent)
        return recognised.addCallback(self._visited, policy, link)

    def _visited(self, admission: Admission | None, policy: Policy, link: Link) -> Visit | None:
        auth = user_of(admission)
        if admission is None or auth is None:
            return None
        connection = self.enter(admission, policy, link)
        self._connections.join(connection, auth)
        return Visit(admission, auth, connection)

    def enter(self, admission: Admission | None, policy: Policy, link: Link) -> TrackedConnection:
        """Make the connection for an admission, None for one without a cookie; see `drop`."""
        now = self.clock.now()
        if admission is None:
            limit = policy.limit(now, now)
            connection = TrackedConnection(link, None, policy, limit, False, now)
        else:
            cookie = self._connections.activate(
                admission.cookie, admission.read, admission.persists
            )
            cookie.handshake = now
            limit, fresh = admission.limit, admission.created
            # Not `now`: a client that sends nothing was last seen when its record says.
            heard = admission.cookie.seen
            connection = TrackedConnection(link, cookie, policy, limit, fresh, heard)
            connection.replaced = admission.replaced
        self._connections.add(connection)
        self._lifetimes.watch(connection)
        return connection

    def hello(self, connection: TrackedConnection) -> Deferred[Cookie | None]:
        """A login begins: see `Logins.begin`."""
        if self._closed:
            return succeed(None)
        return self._logins.begin(connection)

    def known(self, id: str, policy: Policy) -> Cookie | None:
        """The record that `hello` gave, as it is now: see `Logins.known`."""
        return self._logins.known(id, policy)

    def accept(self, connection: TrackedConnection, session: Auth, stores: bool) -> Deferred[None]:
        """A session is about to join: see `Logins.accept`."""
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        accepted = self._logins.accept(connection, session, stores)
        return accepted.addCallback(lambda _: self._lifetimes.joined(connection, session))

    def deny(
        self,
        connection: TrackedConnection,
        identity: tuple[str | None, str | None],
        by: By,
        reason: str,
    ) -> None:
        """
        Publish that a session does not join.

        :param identity: what its client claims to be.
        :param by: who refuses it. `reason`: a WAMP URI or a few words, for the audit log.
        """
        peer, actor = connection.link.peer, Actor(by)
        self.events.publish(
            Event(Kind.DENIED, connection.id, *identity, reason, peer, actor, reason)
        )

    def leave(self, connection: TrackedConnection) -> None:
        """Note that its session has left, or could not join after all."""
        self._connections.leave(connection)

    def log_out(self, connection: TrackedConnection) -> Deferred[Any]:
        """Log its client out: see `Revoker.log_out`."""
        session = connection.session
        identity = session.identity if session else (None, None)
        return self._revoker.log_out(connection, Actor(By.CLIENT, *identity))

    def kill(
        self, connection: TrackedConnection, reason: str, code: int = NORMAL_CLOSURE
    ) -> Deferred[Any]:
        """
        End a connection; with the logout reason, its cookie too. Fires when it is closed.

        :param reason: a WAMP URI. `code`: of the WebSocket Close.
        """
        if reason == LOGOUT and connection.id is not None:
            return self._revoker.revoke([connection.id], Actor(By.ROUTER))
        self.audit.killed(connection, reason)
        return self._termination.end([connection], reason, code)

    def drop(self, connection: TrackedConnection) -> None:
        """Forget a connection that was lost, or a request that is over. Idempotent."""
        connection.ended = True
        cookie = connection.cookie
        self._connections.drop(connection)
        self._lifetimes.left(connection, cookie)

    def revoke(self, ids: Iterable[str], actor: Actor = OPERATOR) -> Deferred[Ended]:
        """End cookies: see `Revoker.revoke`."""
        return self._revoker.revoke(ids, actor)

    def revoke_user(
        self,
        authid: str | None,
        authrealm: str | None = None,
        keep: frozenset[str] = frozenset(),
        actor: Actor = OPERATOR,
    ) -> Deferred[Ended]:
        """
        End all sessions and records of a user: see `Revoker.revoke_user`.

        :param authid: None for any user. `authrealm`: None for any realm.
        :param keep: ids of cookies that stay, at most `record.MAX_KEPT_IDS`.
        """
        revoked = UserRevoked(authid, authrealm, frozenset(filter(is_id, keep)))
        ended: Deferred[Ended] = self._revoker.revoke_user(revoked, actor)
        return ended

    def close(self) -> Deferred[Any]:
        """Store what is queued and close the store. Idempotent; afterwards no cookie is known."""
        if self._closed is None:
            self._store.insist()
            stopping = [maybeDeferred(each.stop) for each in self._background]
            self._lifetimes.stop()
            self._limits.stop()
            self._deletions.stop()
            self._revocations.stop()
            stopped = DeferredList(stopping, consumeErrors=True)
            self._closed = stopped.addBoth(lambda _: self._store.close())
        return fan_out(self._closed)

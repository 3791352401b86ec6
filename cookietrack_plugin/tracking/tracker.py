"""Admission, login, logout: the only place with rules about what comes before what."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Auth, Authenticate, Change, Cookie
from cookietrack_plugin.tracking.admission import Admissions
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import Connection, Connections, Live
from cookietrack_plugin.tracking.deletion import Deletions
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.lifetime import Lifetimes
from cookietrack_plugin.tracking.revocation import Endings
from cookietrack_plugin.tracking.sweep import Sweep
from cookietrack_plugin.tracking.visit import Admission, Visitor

# Seconds for which a record is as good as when it was read, if nobody tells what others have ended.
TRUST = 2.0


class Tracker:
    """
    Who a cookie stands for, for one store, on the reactor's thread. Nothing here blocks.

    Methods that the router's code calls in the middle of its own (`current`, `authenticate`,
    `revoke`) never raise: what goes wrong is logged, and refused.

    :param reactor: gives threads and timers; tests give one with a fake clock.
    """

    log = make_logger()

    def __init__(self, store: ICookieStore, reactor: Any, clock: Clock | None = None) -> None:
        self.store = store
        self.reactor = reactor
        self.clock = clock or Clock()
        self.connections = Connections()
        self.events = Events()
        self.measures = Metrics()
        self.events.observe(self._count)
        self.committer = Committer(store, reactor, self.measures)
        self.lookup = Lookup(store, self.committer, reactor, self.measures)
        self._deletions = Deletions(self.committer, reactor, self.lookup.overtake)
        self._sweep = Sweep(store, self.committer, self.clock, reactor, self.measures)
        self._lifetimes = Lifetimes(
            self.connections, self.committer, self.lookup, self.clock, reactor, self._expired
        )
        self.endings = Endings(
            self._deletions, self.connections, self.lookup, self._lifetimes, self.events, reactor
        )
        self.admissions = Admissions(
            self.committer,
            self.lookup,
            self._lifetimes,
            self.clock,
            self.events,
            self.measures,
            self._submit,
            self._good,
        )
        # When all that others had ended was last known; None where nobody else can end anything.
        self.told: float | None = None
        self._companions: list[Callable[[], Deferred[Any]]] = []
        self._closed: Deferred[Any] | None = None

    # -- handshakes --------------------------------------------------------------------------

    def admit(
        self, visitor: Visitor, issue: Callable[[], str], policy: Policy
    ) -> Deferred[Admission]:
        """
        The record of a visitor's cookie if it is one that we issued and that is still good, and a
        new one, durable by the time this fires, for everybody else.

        :param issue: gives the id of a fresh secret value.
        :returns: a Deferred with an `Admission`. It fails with `StoreUnavailable`, or what else the
            store raised, when the truth cannot be known or the new record cannot be stored.
        """
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return self.admissions.admit(visitor, issue, policy)

    def enter(self, admission: Admission, policy: Policy, connection: Connection) -> None:
        """Note the connection that goes on with an admission."""
        cookie = admission.cookie
        read = self.reactor.seconds()
        live = Live(cookie, policy, admission.limit, admission.created, cookie.auth, read)
        self.connections.add(live, connection)
        self._lifetimes.watch(live)

    # -- what the router asks ----------------------------------------------------------------

    def current(self, id: str) -> Cookie | None:
        """
        The record of a live connection's cookie as it is now: None when it was ended, has expired,
        or when the truth cannot be known.
        """
        try:
            return None if self._is_stale(id) else self._record(id)
        except Exception:  # noqa: BLE001 - it must not leave into the router's code
            if not self._closed:
                self.log.failure("cookie {id} cannot be looked up", id=id)
            return None

    def authenticate(self, id: str, auth: Auth | None, policy: Policy) -> bool:
        """
        Store who a cookie stands for, None for nobody. `settled` tells when it is durable.

        :returns: whether there is something to store: not for a record that is gone, not where it
            says so already, and not where the cookie may have been planted (`Policy.rotates`).
        """
        try:
            cookie = self._before_login(id)
        except Exception:  # noqa: BLE001 - it must not leave into the router's code
            self._not_stored(Failure(), id)
            return False
        if cookie is None or cookie.auth == auth:
            return False
        if auth is not None and not self._may_log_in(id, auth, policy):
            return False
        self._store_login(Authenticate(id, auth, self.clock.now()))
        return True

    def _store_login(self, change: Authenticate) -> None:
        if live := self.connections.live(change.id):
            # It takes the place of one that could not be stored.
            live.unstored = None
            live.login = change.auth or live.login
        self._submit(change).addCallbacks(
            self._authenticated,
            self._not_stored,
            callbackArgs=(change,),
            errbackArgs=(change.id,),
        )

    def _may_log_in(self, id: str, auth: Auth, policy: Policy) -> bool:
        if self.endings.bars(auth.authid):
            self.revoke(id).addErrback(_logged)
            return False
        live = self.connections.live(id)
        if live is None or not policy.rotates:
            return True
        if live.owner not in (None, auth.authid):
            self.revoke(id, spare=lambda each: each.is_logging_in()).addErrback(_logged)
            return False
        return live.fresh or live.owner is not None

    def _authenticated(self, applied: bool, change: Authenticate) -> None:
        live = self.connections.live(change.id)
        if applied and live:
            live.cookie = evolve(live.cookie, auth=change.auth, seen=change.at)
            # An earlier one can have failed while this one was queued behind it.
            live.unstored = None
        if applied and change.auth:
            auth = change.auth
            self.events.tell(
                Event(Kind.AUTHENTICATED, change.id, auth.authid, auth.authrealm, auth.authmethod)
            )

    def settled(self, id: str) -> Deferred[Any]:
        """
        Fires when all that was written about the cookie is durable. Fails when some is not, and
        goes on failing until that, or something in its place, is.
        """
        live = self.connections.live(id)
        failure = (live and live.unstored) or self._deletions.failure(id)
        return fail(failure) if failure else self.committer.settled(id)

    def revoke(
        self, id: str, spare: Callable[[Connection], bool] = lambda _: False
    ) -> Deferred[tuple[int, int]]:
        """End a cookie: see `Endings.revoke`."""
        return self.endings.revoke(id, spare)

    # -- life --------------------------------------------------------------------------------

    def is_away(self) -> bool:
        """Whether the store is known not to answer, so that nobody should wait for it now."""
        return bool(self.committer.refusal() or self.lookup.refusal())

    def drop(self, id: str, connection: Connection) -> int:
        """Forget a connection that was lost; how many the cookie has left."""
        live = self.connections.live(id)
        left = self.connections.drop(id, connection)
        if live is not None and not left:
            self._lifetimes.left(live, connection.last_heard)
        return left

    def refresh(self, cookie: Cookie) -> None:
        """Another worker or node has changed the record of a live cookie."""
        self._remember(cookie)
        if cookie.auth is None:
            for connection in self.connections.of(cookie.id):
                connection.forget_login()

    def close(self) -> Deferred[Any]:
        """Store what is queued and close the store. Idempotent; afterwards nobody is known."""
        if self._closed is None:
            self._sweep.stop()
            self.committer.insist()
            self._lifetimes.stop()
            self._deletions.stop()
            ending = [stop() for stop in (self.lookup.close, *self._companions)]
            # What is queued is stored first, however long the readers take to end.
            ended = gatherResults([self.committer.run(_nothing), *ending], consumeErrors=True)
            self._closed = ended.addBoth(lambda _: self.committer.close())
        return fan_out(self._closed)

    def close_with(self, stop: Callable[[], Deferred[Any]]) -> None:
        """Something that uses the store and has to end before it is closed."""
        self._companions.append(stop)

    def _expired(self, id: str, cookie: Cookie | None) -> None:
        self.endings.expired(id, cookie)

    # -- helpers -----------------------------------------------------------------------------

    def _record(self, id: str) -> Cookie | None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return self._good(self._known(id) if self.lookup.blocks else self.lookup.now(id))

    def _before_login(self, id: str) -> Cookie | None:
        live = self.connections.live(id)
        if live is None or not live.fresh or live.login is not None or self._closed:
            return self._record(id)
        # Nobody here has logged in with it: there is nothing to be read. If it was ended elsewhere,
        # the store does not apply the login.
        return self._good(self._known(id))

    def _known(self, id: str) -> Cookie | None:
        live = self.connections.live(id)
        return self.committer.overlay(id, live.cookie if live else None)

    def _is_stale(self, id: str) -> bool:
        """Whether others may have ended what is known of a live cookie, and nobody could tell."""
        live = self.connections.live(id) if self.lookup.blocks else None
        if live is None or self.told is None:
            return False
        return bool(self.reactor.seconds() - max(self.told, live.read) > TRUST)

    def _good(self, cookie: Cookie | None) -> Cookie | None:
        if cookie is None or cookie.id in self._deletions or cookie.expires <= self.clock.now():
            return None
        return cookie

    def _remember(self, cookie: Cookie) -> None:
        if live := self.connections.live(cookie.id):
            live.cookie = cookie
            live.read = self.reactor.seconds()
            live.login = cookie.auth or live.login

    def _submit(self, change: Change) -> Deferred[bool]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return self.committer.submit(change).addBoth(self._overtaken, change.id)

    def _overtaken(self, result: Any, id: str) -> Any:
        self.lookup.overtake(id)
        return result

    def _not_stored(self, failure: Failure, id: str) -> None:
        self.log.error("cookie {id} cannot be stored: {cause}", id=id, cause=failure.value)
        if live := self.connections.live(id):
            live.unstored = failure
            # What a handshake has seen of it meanwhile does not count.
            live.cookie = evolve(live.cookie, auth=None)

    def _count(self, event: Event) -> None:
        self.measures.events[event.kind.value] += 1


def _nothing() -> None:
    """Queued behind all that is queued."""


def _logged(_: Any) -> None:
    """The failure was logged where it happened."""

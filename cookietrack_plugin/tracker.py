"""Admission, login, logout: the only place with rules about what comes before what."""

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail, inlineCallbacks
from twisted.python.failure import Failure
from txaio import make_logger

from cookietrack_plugin.clock import Clock
from cookietrack_plugin.committer import Committer
from cookietrack_plugin.connections import Connection, Connections
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.fork import fork
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.lookup import Lookup
from cookietrack_plugin.record import Auth, Authenticate, Cookie, Create, Delete
from cookietrack_plugin.sweep import Sweep

# Seconds until a deletion that could not be stored is tried again: doubled each time.
FIRST_RETRY = 0.5
LAST_RETRY = 30.0


@frozen
class Visitor:
    """
    A handshake, as far as it matters here: `presented` is the id of the cookie that came with it,
    None without one.
    """

    presented: str | None
    peer: str | None = None
    user_agent: str | None = None


@frozen
class Admission:
    """The record that a handshake goes on with; `created`: it is new, a Set-Cookie has to leave."""

    cookie: Cookie
    created: bool


class Tracker:
    """
    Who a cookie stands for, for one store, on the reactor's thread. Nothing here blocks.

    Methods that the router's code calls in the middle of its own (`current`, `authenticate`,
    `revoke`) never raise: what goes wrong is logged, and refused.

    :param reactor: gives threads and timers; tests give one with a fake clock.
    """

    log = make_logger()

    def __init__(self, store: ICookieStore, reactor: Any, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.connections = Connections()
        self._store = store
        self._reactor = reactor
        self._committer = Committer(store, reactor)
        self._lookup = Lookup(store, self._committer, reactor)
        self._sweep = Sweep(store, self._committer, self.clock, reactor)
        # Ids whose deletion is not stored yet: refused all the same (invariant 5).
        self._refused: set[str] = set()
        # Writes that failed, until whoever waits for them has heard of it.
        self._unstored: dict[str, Failure] = {}
        self._closed: Deferred[Any] | None = None

    # -- admission ---------------------------------------------------------------------------

    @inlineCallbacks
    def admit(
        self, visitor: Visitor, issue: Callable[[], str], max_age: int, max_pending: int
    ) -> Any:
        """
        The record of a visitor's cookie if it is one that we issued and that is still good, and a
        new one, durable by the time this fires, for everybody else.

        :param issue: gives the id of a fresh secret value.
        :param max_age: lifetime of a new cookie, in seconds.
        :param max_pending: how many writes may be queued before a new cookie is refused.
        :returns: a Deferred with an `Admission`. It fails with `StoreUnavailable`, or what else the
            store raised, when the truth cannot be known or the new record cannot be stored.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if visitor.presented is not None:
            cookie = self._valid((yield self._lookup.soon(visitor.presented)))
            if cookie is not None:
                return Admission(cookie, created=False)
        return (yield self._create(visitor, issue, max_age, max_pending))

    @inlineCallbacks
    def _create(
        self, visitor: Visitor, issue: Callable[[], str], max_age: int, max_pending: int
    ) -> Any:
        applied = False
        while not applied:
            if self._closed or self._committer.pending >= max_pending:
                raise StoreUnavailable(
                    f"{self._committer.pending} writes are waiting for the store"
                )
            cookie = self._new_cookie(issue(), max_age, visitor)
            applied = yield self._committer.submit(Create(cookie))
        return Admission(cookie, created=True)

    def create(self, id: str, max_age: int) -> None:
        """Queue a new record without waiting for it: `settled` tells when it is durable."""
        created = self._submit(Create(self._new_cookie(id, max_age, Visitor(None))))
        created.addErrback(self._failed, id)

    # -- what the router asks ----------------------------------------------------------------

    def current(self, id: str) -> Cookie | None:
        """
        The record of a live connection's cookie as it is now: None when it was ended, has expired,
        or when the truth cannot be known.
        """
        if self._closed:
            return None
        try:
            cookie = self._known(id) if self._lookup.blocks else self._lookup.now(id)
        except Exception:  # noqa: BLE001 - it must not leave into the router's code
            self.log.failure("cookie {id} cannot be looked up", id=id)
            return None
        return self._valid(cookie)

    def authenticate(self, id: str, auth: Auth | None) -> bool:
        """
        Store who a cookie stands for, None for nobody. `settled` tells when it is durable.

        :returns: whether there is something to store: not for a record that is gone, and not where
            it says so already.
        """
        cookie = self.current(id)
        if cookie is None or cookie.auth == auth:
            return False
        change = Authenticate(id, auth, self.clock.now())
        self.connections.update(evolve(cookie, auth=auth, seen=change.at))
        self._submit(change).addErrback(self._not_stored, cookie)
        return True

    def settled(self, id: str) -> Deferred[Any]:
        """Fires when all that was written about the cookie is durable; fails when some is not."""
        if failure := self._unstored.pop(id, None):
            return fail(failure)
        return self._committer.settled(id)

    # -- the end -----------------------------------------------------------------------------

    def revoke(self, id: str) -> Deferred[bool]:
        """
        End a cookie: refused from this moment on; its connections are closed once the deletion is
        durable. Fires then, with whether there was a record. Fails when it could not be stored: it
        is still refused by this process, and tried again until it is stored.
        """
        ended = self.connections.take(id)
        for connection in ended:
            connection.forget_login()
        self._refused.add(id)
        deleted = self._delete(id, FIRST_RETRY)
        return deleted.addBoth(self._close_connections, ended)

    def _delete(self, id: str, retry: float) -> Deferred[bool]:
        deleted = self._submit(Delete(id))
        return deleted.addCallbacks(
            self._deleted, self._not_deleted, callbackArgs=(id,), errbackArgs=(id, retry)
        )

    def _deleted(self, existed: bool, id: str) -> bool:
        self._refused.discard(id)
        self._unstored.pop(id, None)
        return existed

    def _not_deleted(self, failure: Failure, id: str, retry: float) -> Failure:
        self.log.critical(
            "the end of cookie {id} cannot be stored, it is refused here and tried again in"
            " {retry} seconds: {cause}",
            id=id,
            retry=retry,
            cause=failure.value,
        )
        self._unstored[id] = failure
        if not self._closed:
            self._reactor.callLater(retry, self._retry_delete, id, min(2 * retry, LAST_RETRY))
        return failure

    def _retry_delete(self, id: str, retry: float) -> None:
        deleted = self._delete(id, retry)
        deleted.addCallback(lambda _: self.log.info("the end of cookie {id} is stored now", id=id))
        deleted.addErrback(lambda _: None)

    def _close_connections(self, result: Any, ended: list[Connection]) -> Any:
        # Not in this turn: the connection that logs out has yet to send its own GOODBYE.
        for connection in ended:
            self._reactor.callLater(0, connection.end_session)
        return result

    # -- life --------------------------------------------------------------------------------

    def join(self, id: str, connection: Connection) -> int:
        """Note a connection of a cookie that is good; how many it has."""
        cookie = self.connections.cookie(id) or self.current(id)
        return 0 if cookie is None else self.connections.add(cookie, connection)

    def drop(self, id: str, connection: Connection) -> int:
        """Forget a connection that was lost; how many the cookie has left."""
        left = self.connections.drop(id, connection)
        if not left and id not in self._refused:
            self._unstored.pop(id, None)
        return left

    def close(self) -> Deferred[Any]:
        """Store what is queued and close the store. Idempotent; afterwards nobody is known."""
        if self._closed is None:
            self._sweep.stop()
            self._closed = self._lookup.close().addCallback(lambda _: self._committer.close())
        return fork(self._closed)

    # -- helpers -----------------------------------------------------------------------------

    def _new_cookie(self, id: str, max_age: int, visitor: Visitor) -> Cookie:
        now = self.clock.now()
        return Cookie(id, now, now + max_age * 1000, now, visitor.peer, visitor.user_agent)

    def _known(self, id: str) -> Cookie | None:
        return self._committer.overlay(id, self.connections.cookie(id))

    def _valid(self, cookie: Cookie | None) -> Cookie | None:
        if cookie is None or cookie.id in self._refused or cookie.expires <= self.clock.now():
            return None
        return cookie

    def _submit(self, change: Any) -> Deferred[bool]:
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        return self._committer.submit(change).addBoth(self._overtaken, change.id)

    def _overtaken(self, result: Any, id: str) -> Any:
        self._lookup.overtake(id)
        return result

    def _not_stored(self, failure: Failure, before: Cookie) -> None:
        self.connections.update(before)
        self._failed(failure, before.id)

    def _failed(self, failure: Failure, id: str) -> None:
        self.log.error("cookie {id} cannot be stored: {cause}", id=id, cause=failure.value)
        self._unstored[id] = failure

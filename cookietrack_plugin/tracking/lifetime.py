"""
Last-seen updates of clients that are connected, and the end of cookies that expire under them.
"""

from collections.abc import Iterable

from attrs import evolve
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.config.lifespan import SECOND
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie, Touch
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import ActiveCookie, Connections, TrackedConnection
from cookietrack_plugin.tracking.deadline import (
    cookie_until,
    good_until,
    idle_timeout,
    limit_of,
)
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.expiry import Expiry
from cookietrack_plugin.tracking.termination import Termination
from cookietrack_plugin.tracking.touches import Touches

EXPIRED = "cookietrack.close.expired"

# How long after its end a connection waits for the store, which may know a later end.
ANSWER_MS = 1000
# A touch is written at once if the record expires sooner than this.
URGENT_MS = 20_000


class Lifetimes:
    """Ends connections and cookies whose lifetime is over. On the reactor's thread."""

    def __init__(
        self,
        connections: Connections,
        store: AsyncStore,
        clock: Clock,
        termination: Termination,
        events: Events,
        touches: Touches,
        expiry: Expiry[TrackedConnection],
    ) -> None:
        self._connections = connections
        self._store = store
        self._clock = clock
        self._termination = termination
        self._events = events
        self._touches = touches
        self._expiry = expiry
        # Connections that are due, and whose record is being read.
        self._asking: set[TrackedConnection] = set()
        expiry.start(self._is_due)

    def watch(self, connection: TrackedConnection) -> None:
        """Look at a connection when its time is over."""
        until = good_until(connection)
        # Early: the record must not expire under a client that is active, or that stays.
        early_s = idle_timeout(connection) or connection.policy.first_max_age or 0
        early = until - early_s * SECOND // 4
        self.watch_from(connection, early if early > self._clock.now() else until)

    def watch_from(self, connection: TrackedConnection, due: int) -> None:
        """The same at the moment `due`, Unix milliseconds, which is not later than `watch`'s."""
        connection.due = due
        self._expiry.set(connection, due)

    def joined(self, connection: TrackedConnection, session: Auth) -> None:
        """Note that a session was accepted: its login may end before the cookie does."""
        connection.joined = self._clock.now()
        if any(connection.policy.lifetimes_of(session)):
            for each in connection.cookie.connections if connection.cookie else [connection]:
                self.watch(each)

    def touch(self, before: Cookie, after: Cookie, policies: Iterable[Policy]) -> None:
        """
        Write that a client was heard, at once if the record would expire before the next write.

        :param before: the record as the store has it. `after`: as it is now.
        :param policies: of the connections that have it here.
        """
        self._touches.add(Touch(after.id, after.seen, after.expires, after.peer, after.user_agent))
        if any(self._is_urgent(before, after, policy) for policy in policies):
            self._touches.write(after.id)

    def _is_urgent(self, before: Cookie, after: Cookie, policy: Policy) -> bool:
        until = policy.good_until(before)
        return policy.good_until(after) > until and until - self._clock.now() < URGENT_MS

    def left(self, connection: TrackedConnection, cookie: ActiveCookie | None) -> None:
        """Watch a lost connection no longer, and note when it was last heard on its `cookie`."""
        self._expiry.forget(connection)
        self._asking.discard(connection)
        if cookie is None or not cookie.persists or cookie.connections:
            return
        if connection.last_heard <= cookie.record.seen:
            return
        latest = self._latest(cookie)
        latest.addCallback(lambda _: self._left(cookie, connection)).addErrback(lambda _: None)

    def ended(self, id: str) -> None:
        """Write nothing more of a record that was ended."""
        self._touches.drop(id)

    def stop(self) -> None:
        """Queue what is to be written, and watch no longer. Idempotent."""
        self._expiry.stop()
        self._touches.flush()

    def _is_due(self, connection: TrackedConnection) -> None:
        cookie = connection.cookie
        if cookie is None or connection in self._asking:
            self._judge(connection)
            return
        self._asking.add(connection)
        # A store that hangs must not prolong it.
        self._expiry.set(connection, good_until(connection) + ANSWER_MS)
        self._latest(cookie).addCallback(self._refreshed, connection)

    def _latest(self, cookie: ActiveCookie) -> Deferred[None]:
        """
        Read the record, which other workers may have prolonged, and merge it with what is known
        here. If it is gone, or the store does not answer, what is known here stays.
        """

        def merge(stored: Cookie | None) -> None:
            if stored is not None:
                self._connections.update(cookie, _merged(cookie.record, stored))

        if not cookie.persists:
            return succeed(None)
        return self._store.load(cookie.id).addErrback(lambda _: None).addCallback(merge)

    def _left(self, cookie: ActiveCookie, connection: TrackedConnection) -> None:
        # If the client is back, its new connection was heard later.
        if self._connections.active(cookie.id) is None:
            self._prolong(cookie, connection.last_heard, [connection])

    def _refreshed(self, _: None, connection: TrackedConnection) -> None:
        self._asking.discard(connection)
        if (cookie := connection.cookie) is not None:
            self._prolong(cookie, cookie.last_heard(), list(cookie.connections), stays=True)
        self._judge(connection)

    def _prolong(
        self,
        cookie: ActiveCookie,
        heard: int,
        connections: list[TrackedConnection],
        stays: bool = False,
    ) -> None:
        """
        Note when its client was `heard`, which may let the record expire later, and whether it
        `stays` connected: then `first_max_age` is over.
        """
        before = cookie.record
        seen = max(heard, before.seen)
        ends = [
            each.policy.expires(limit_of(each, cookie), seen)
            for each in connections
            if (heard > before.seen and each.policy.idle_timeout is not None)
            or (stays and each.policy.first_max_age is not None)
        ]
        after = evolve(before, seen=seen, expires=max(before.expires, *ends, 0))
        if after == before:
            return
        self._connections.update(cookie, after)
        if cookie.persists:
            self.touch(before, after, [each.policy for each in connections])

    def _judge(self, connection: TrackedConnection) -> None:
        """End what is over of a connection, its session or its cookie; or watch it further."""
        if connection.ended:
            return
        if good_until(connection) > self._clock.now():
            self.watch(connection)
        elif connection.cookie is None or self._is_good(connection.cookie, connection):
            self._expire_session(connection)
        else:
            self._expire_cookie(connection.cookie)

    def _is_good(self, cookie: ActiveCookie, connection: TrackedConnection) -> bool:
        """Whether the cookie lives on, and the time of the session's own login alone is over."""
        return cookie_until(cookie, connection) > self._clock.now()

    def _expire_session(self, connection: TrackedConnection) -> None:
        event = _expired_session(connection)
        self._expire([connection])
        if event is not None:
            self._events.publish(event)

    def _expire_cookie(self, cookie: ActiveCookie) -> None:
        """End those of its connections whose time is over: by their policies it can differ."""
        now = self._clock.now()
        self._expire([each for each in cookie.connections if good_until(each) <= now])
        self._events.publish(_expired(cookie))

    def _expire(self, connections: list[TrackedConnection]) -> None:
        self._termination.end(connections, EXPIRED)


def _expired(cookie: ActiveCookie) -> Event:
    return _event(cookie.id, cookie.owner or (None, None), cookie.record.peer)


def _expired_session(connection: TrackedConnection) -> Event | None:
    """Of a login without a cookie; None where there is none either."""
    session = connection.session if connection.is_logged_in() else None
    return _event(None, session.identity, connection.link.peer) if session else None


def _event(id: str | None, identity: tuple[str | None, str | None], peer: str | None) -> Event:
    actor = Actor(By.CLOCK)
    return Event(Kind.EXPIRED, id, *identity, peer=peer, actor=actor, reason=EXPIRED)


def _merged(here: Cookie, stored: Cookie) -> Cookie:
    """The record that was seen last, with the stored login and the later end."""
    latest = stored if stored.seen > here.seen else here
    return evolve(latest, auth=stored.auth, expires=max(here.expires, stored.expires))

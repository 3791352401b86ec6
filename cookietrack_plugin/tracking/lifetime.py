"""
Last-seen updates of clients that are connected, and the end of cookies that expire under them.
"""

from attrs import evolve
from twisted.internet.defer import Deferred

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import SECOND
from cookietrack_plugin.record import Cookie, Touch
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import ActiveCookie, Connections, TrackedConnection
from cookietrack_plugin.tracking.events import Event, Events, Kind
from cookietrack_plugin.tracking.expiry import Expiry
from cookietrack_plugin.tracking.termination import Termination
from cookietrack_plugin.tracking.touches import Touches

EXPIRED = "cookietrack.close.expired"

# For so long after its end a connection waits for a store that may know of a later one.
ANSWER_MS = 1000
# A touch is written at once if the record expires sooner than this.
URGENT_MS = 20_000


class Lifetimes:
    """Watches open connections. On the reactor's thread."""

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
        # Those that are due, and whose record is being read.
        self._asking: set[TrackedConnection] = set()
        expiry.start(self._is_due)

    def watch(self, connection: TrackedConnection) -> None:
        """Be there when its time is over."""
        until = _good_until(connection)
        # An idle timeout is looked at early: the record must not expire under an active client.
        early = until - (connection.policy.idle_timeout or 0) * SECOND // 4
        self._expiry.set(connection, early if early > self._clock.now() else until)

    def touch(self, cookie: Cookie, stored_expires: int) -> None:
        """Write that its client was heard. `stored_expires`: what the store has, milliseconds."""
        touch = Touch(cookie.id, cookie.seen, cookie.expires, cookie.peer, cookie.user_agent)
        self._touches.add(touch)
        if touch.expires > stored_expires and stored_expires - self._clock.now() < URGENT_MS:
            self._touches.write(touch.id)

    def left(self, connection: TrackedConnection, cookie: ActiveCookie | None) -> None:
        """A connection was lost; its cookie, if it had one."""
        self._expiry.forget(connection)
        self._asking.discard(connection)
        if cookie is None or cookie.connections or connection.last_heard <= cookie.record.seen:
            return
        latest = self._latest(cookie)
        latest.addCallback(lambda _: self._left(cookie, connection)).addErrback(lambda _: None)

    def ended(self, id: str) -> None:
        """There is no record left to touch."""
        self._touches.drop(id)

    def stop(self) -> None:
        """Queue what is to be written, and watch no longer. Idempotent."""
        self._expiry.stop()
        self._touches.flush()

    def _is_due(self, connection: TrackedConnection) -> None:
        if connection.cookie is None or connection in self._asking:
            self._judge(connection)
            return
        self._asking.add(connection)
        # A store that hangs prolongs nothing.
        self._expiry.set(connection, _good_until(connection) + ANSWER_MS)
        self._latest(connection.cookie).addCallback(self._refreshed, connection)

    def _latest(self, cookie: ActiveCookie) -> Deferred[None]:
        """
        Merge the record as other workers may have prolonged it: what they wrote is not taken back.
        Where it is gone, or the store does not answer, what is known here stays.
        """

        def merge(stored: Cookie | None) -> None:
            if stored is not None:
                self._connections.update(cookie, _merged(cookie.record, stored))

        return self._store.load(cookie.id).addErrback(lambda _: None).addCallback(merge)

    def _left(self, cookie: ActiveCookie, connection: TrackedConnection) -> None:
        # Unless its client is back: then that connection has been heard later.
        if self._connections.active(cookie.id) is None:
            self._prolong(cookie, connection.last_heard, [connection])

    def _refreshed(self, _: None, connection: TrackedConnection) -> None:
        self._asking.discard(connection)
        if (cookie := connection.cookie) is not None:
            self._prolong(cookie, cookie.last_heard(), list(cookie.connections))
        self._judge(connection)

    def _prolong(
        self, cookie: ActiveCookie, seen: int, connections: list[TrackedConnection]
    ) -> None:
        """Note when its client was heard, which may let the record expire later."""
        before = cookie.record
        if seen <= before.seen:
            return
        ends = [
            each.policy.expires(_limit(each, cookie), seen)
            for each in connections
            if each.policy.idle_timeout is not None
        ]
        after = evolve(before, seen=seen, expires=max(before.expires, *ends, 0))
        self._connections.update(cookie, after)
        self.touch(after, before.expires)

    def _judge(self, connection: TrackedConnection) -> None:
        """Its time may be over. A store that does not answer cannot show that it is not."""
        if connection.ended:
            return
        if _good_until(connection) > self._clock.now():
            self.watch(connection)
        elif connection.cookie is None:
            self._expire([connection])
        else:
            self._expire_cookie(connection.cookie)

    def _expire_cookie(self, cookie: ActiveCookie) -> None:
        """End those of its connections whose time is over, which their policies may put apart."""
        now, auth = self._clock.now(), cookie.record.auth
        self._expire([each for each in cookie.connections if _good_until(each) <= now])
        identity = auth.identity if auth else (None, None)
        self._events.publish(Event(Kind.EXPIRED, cookie.id, *identity))

    def _expire(self, connections: list[TrackedConnection]) -> None:
        self._termination.end(connections, EXPIRED)


def _good_until(connection: TrackedConnection) -> int:
    """The millisecond at which its time is over, as far as is known here."""
    policy, cookie = connection.policy, connection.cookie
    if cookie is None:
        return policy.expires(connection.limit, connection.last_heard)
    return min(_limit(connection, cookie), policy.good_until(cookie.record))


def _limit(connection: TrackedConnection, cookie: ActiveCookie) -> int:
    """Where `max_age` rolls, a handshake of another tab moves it for all of them."""
    rolled = connection.policy.limit(cookie.record.created, cookie.handshake)
    return max(connection.limit, rolled)


def _merged(here: Cookie, stored: Cookie) -> Cookie:
    """The record as it was heard of last, with the later end."""
    latest = stored if stored.seen > here.seen else here
    return evolve(latest, auth=stored.auth, expires=max(here.expires, stored.expires))

"""Signs of life of clients that are connected, and the end of cookies that expire meanwhile."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.lookup import Lookup
from cookietrack_plugin.config.policy import SECOND
from cookietrack_plugin.record import Cookie, Touch
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.connections import Connections, Live
from cookietrack_plugin.tracking.expiry import Expiry
from cookietrack_plugin.tracking.touches import Touches

# Milliseconds: a touch that keeps a record from expiring sooner than this is not put off.
URGENT = 20_000


class Lifetimes:
    """
    Watches cookies with live connections. On the reactor's thread.

    :param expired: called with the id of a cookie that has expired, and its record if it is still
        there.
    """

    def __init__(
        self,
        connections: Connections,
        committer: Committer,
        lookup: Lookup,
        clock: Clock,
        reactor: IReactorTime,
        expired: Callable[[str, Cookie | None], Any],
    ) -> None:
        self._connections = connections
        self._lookup = lookup
        self._clock = clock
        self._expired = expired
        self._touches = Touches(committer, reactor)
        self._expiry = Expiry(self._is_due, clock, reactor)

    def watch(self, live: Live) -> None:
        """Be there when the cookie expires."""
        # An idle timeout is looked at early: the record must not expire under an active client.
        expires = live.cookie.expires
        early = expires - (live.policy.idle_timeout or 0) * SECOND // 4
        self._expiry.set(live.cookie.id, early if early > self._clock.now() else expires)

    def touch(self, touch: Touch, expires: int) -> None:
        """Write a sign of life in its turn. `expires`: what the store has, milliseconds."""
        self._touches.add(touch)
        if touch.expires > expires and expires - self._clock.now() < URGENT:
            self._touches.write(touch.id)

    def left(self, live: Live, last_heard: int) -> None:
        """The last connection of a cookie was lost; when its client was last heard."""
        self._expiry.forget(live.cookie.id)
        if last_heard > live.cookie.seen:
            found = self._latest(live).addCallback(self._left, live, last_heard)
            found.addErrback(lambda _: None)

    def ended(self, id: str) -> None:
        """There is no record left to touch, and no connection to end."""
        self._expiry.forget(id)
        self._touches.drop(id)

    def stop(self) -> None:
        """Queue what is to be written, and watch no longer. Idempotent."""
        self._expiry.stop()
        self._touches.flush()

    def _is_due(self, id: str) -> None:
        if live := self._connections.live(id):
            self._latest(live).addCallback(self._looked_up, id)

    def _latest(self, live: Live) -> Deferred[Cookie]:
        """
        The record, as other workers may have prolonged it: what they wrote must not be taken back.
        Where it is gone, or the store does not answer, what is known here.
        """
        found = self._lookup.soon(live.cookie.id).addErrback(lambda _: None)
        return found.addCallback(lambda cookie: _merged(live.cookie, cookie or live.cookie))

    def _left(self, cookie: Cookie, live: Live, last_heard: int) -> None:
        # Unless it is back meanwhile: then that is the latest sign of life.
        if self._connections.live(cookie.id) is None:
            live.cookie = cookie
            self._prolong(live, last_heard)

    def _looked_up(self, cookie: Cookie, id: str) -> None:
        live = self._connections.live(id)
        if live is None:
            return
        live.cookie = cookie
        self._prolong(live, live.last_heard())
        if live.cookie.expires > self._clock.now():
            self.watch(live)
        else:
            # A store that does not answer: the connection cannot be shown to be good.
            self._expired(id, live.cookie)

    def _prolong(self, live: Live, seen: int) -> None:
        """Note a sign of life, which may let the cookie expire later."""
        before = live.cookie
        if seen <= before.seen:
            return
        expires = before.expires
        if live.policy.idle_timeout is not None:
            expires = max(expires, live.policy.expires(live.limit, seen))
        live.cookie = evolve(before, seen=seen, expires=expires)
        touch = Touch(before.id, seen, expires, before.peer, before.user_agent)
        self.touch(touch, before.expires)


def _merged(here: Cookie, stored: Cookie) -> Cookie:
    """The record with the latest sign of life, and the later end."""
    latest = stored if stored.seen > here.seen else here
    return evolve(latest, auth=stored.auth, expires=max(here.expires, stored.expires))

"""A tracker whose time stands still, and clients that come to it."""

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth
from cookietrack_plugin.testing.samples import NOW, make_auth, make_id
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.tracker import Tracker
from cookietrack_plugin.tracking.visit import Admission, Visitor
from tests.support.connections import FakeConnection
from tests.support.reactor import FakeReactor
from tests.support.stores import ScriptedStore

DAY = 86_400
POLICY = Policy(max_age=DAY)


class Tracked:
    """A tracker over a store, at the moment `NOW` plus what the reactor's clock was advanced."""

    def __init__(self, store: ScriptedStore, reactor: FakeReactor) -> None:
        self.store = store
        self.reactor = reactor
        self.tracker = Tracker(store, reactor, Clock(lambda: NOW / 1000 + reactor.seconds()))
        self.ids = (make_id(number) for number in count(1))

    def admit(self, presented: str | None = None, policy: Policy = POLICY) -> Deferred[Admission]:
        """A handshake, as far as the tracker decides on it."""
        visitor = Visitor(presented, "tcp4:192.0.2.1:52410", "Mozilla/5.0")
        return self.tracker.admit(visitor, lambda: next(self.ids), policy)

    def visit(
        self, presented: str | None = None, policy: Policy = POLICY, **connection: Any
    ) -> tuple[str, FakeConnection]:
        """A whole handshake: the cookie's id, and the connection."""
        admission = self.reactor.result_of(self.admit(presented, policy))
        client = FakeConnection(**connection)
        self.tracker.enter(admission, policy, client)
        return admission.cookie.id, client

    def log_in(self, id: str, authid: str | None = "joe", policy: Policy = POLICY) -> bool:
        """What the router does when a session joins; None: when it forgets a login."""
        return self.tracker.authenticate(id, self.auth(authid), policy)

    @staticmethod
    def auth(authid: str | None) -> Auth | None:
        return make_auth(authid) if authid else None

    def settle(self, id: str) -> Any:
        """Wait until all that was written about a cookie is durable."""
        return self.reactor.result_of(self.tracker.settled(id))

    def authid(self, id: str) -> str | None:
        """Who the cookie stands for, in the eyes of the router."""
        cookie = self.tracker.current(id)
        return cookie.auth.authid if cookie and cookie.auth else None

    def stored_authid(self, id: str) -> str | None:
        """Who the cookie stands for after a restart."""
        cookie = self.store.cookies.get(id)
        return cookie.auth.authid if cookie and cookie.auth else None

"""A tracker whose time stands still, and clients that come to it."""

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.testing.samples import NOW, make_auth, make_id
from cookietrack_plugin.tracking.admission import Admission, Visitor
from cookietrack_plugin.tracking.clock import LocalClock
from cookietrack_plugin.tracking.tracker import Tracker
from tests.support.connections import FakeLink
from tests.support.reactor import FakeReactor
from tests.support.stores import ScriptedStore

DAY = 86_400
POLICY = Policy(max_age=DAY)


class Tracked:
    """A tracker over a store, at the moment `NOW` plus what the reactor's clock was advanced."""

    def __init__(self, store: ScriptedStore, reactor: FakeReactor, position: Any = None) -> None:
        self.store = store
        self.reactor = reactor
        clock = LocalClock(lambda: NOW / 1000 + reactor.seconds(), reactor.seconds)
        self.access = AsyncStore(store, reactor)
        self.tracker = Tracker(self.access, reactor, clock, position)
        self.ids = (make_id(number) for number in count(1))

    def admit(self, *presented: str, policy: Policy = POLICY) -> Deferred[Admission]:
        """A handshake, as far as the tracker decides on it."""
        visitor = Visitor(presented, "tcp4:192.0.2.1:52410", "Mozilla/5.0")
        return self.tracker.admit(visitor, lambda: next(self.ids), policy)

    def visit(self, *presented: str, policy: Policy = POLICY) -> tuple[str, FakeLink]:
        """A whole handshake: the cookie's id, and the connection."""
        admission = self.reactor.result_of(self.admit(*presented, policy=policy))
        link = FakeLink()
        link.connection = self.tracker.enter(admission, policy, link)
        return admission.cookie.id, link

    def hello(self, link: FakeLink) -> Cookie | None:
        """A login begins: the record of the connection's cookie."""
        found: Cookie | None = self.reactor.result_of(self.tracker.hello(link.connection))
        return found

    def accept(self, link: FakeLink, auth: Auth | str = "joe", stores: bool = True) -> Any:
        """The authenticator accepts: a Deferred that fires when the session may join."""
        session = make_auth(auth) if isinstance(auth, str) else auth
        return self.tracker.accept(link.connection, session, stores)

    def log_in(self, link: FakeLink, auth: Auth | str = "joe", stores: bool = True) -> None:
        """A whole login. What it fails with is raised."""
        self.hello(link)
        self.reactor.result_of(self.accept(link, auth, stores))

    def enter(self, authid: str = "joe", policy: Policy = POLICY) -> tuple[str, FakeLink]:
        """A new client that has logged in: its cookie's id, and the connection."""
        id, link = self.visit(policy=policy)
        self.log_in(link, authid)
        return id, link

    def authid(self, id: str, policy: Policy = POLICY) -> str | None:
        """Who a client that presents the cookie is let in as; that leaves no connection."""
        found = self.reactor.result_of(self.tracker.find(id))
        return found.auth.authid if found and found.auth else None

    def stored_authid(self, id: str) -> str | None:
        """Who the cookie stands for after a restart."""
        cookie = self.store.cookies.get(id)
        return cookie.auth.authid if cookie and cookie.auth else None

    def sessions(self) -> set[str]:
        """The authids that are joined on connections of this worker."""
        return {each.session.authid for each in self.tracker._connections if each.session}

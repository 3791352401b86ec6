"""Crossbar's own router sessions, on a realm that notes what reaches it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from autobahn.wamp.role import RoleBrokerFeatures
from autobahn.wamp.types import Challenge
from crossbar.router.auth import PendingAuthTicket
from crossbar.router.session import RouterSession

SECRET = "s3cret"
ROLES = {"broker": RoleBrokerFeatures()}


class Realm:
    """
    As much of Crossbar's router as its sessions see. `sessions`: those that are attached.
    `processed`: the messages of their clients. `meta`: what was published of sessions.
    """

    def __init__(self) -> None:
        self.sessions: set[RouterSession] = set()
        self.processed: list[Any] = []
        self.meta: list[str] = []
        # Called when a session is attached, before its client has WELCOME.
        self.attaching: Callable[[], None] = lambda: None
        # Crossbar's names: a router has a realm, and that a session and a configuration.
        self._realm = self.session = self
        self.config: dict[str, Any] = {}

    @property
    def authids(self) -> list[str]:
        """Who is on the router's lists."""
        return sorted(each._authid for each in self.sessions)

    def kill(self, reason: str, explanation: str | None = None) -> None:
        """As `wamp.session.kill_by_authid` does, which walks over the living set."""
        for session in self.sessions:
            session.leave(reason, explanation)

    def attach(self, session: Any) -> Any:
        self.attaching()
        self.sessions.add(session)
        return ROLES

    def detach(self, session: Any) -> None:
        self.sessions.remove(session)

    def process(self, session: Any, message: Any) -> None:
        self.processed.append(message)

    def publish(self, topic: str, *args: Any) -> None:
        self.meta.append(topic)

    def has_role(self, role: str) -> bool:
        return True

    def _session_joined(self, session: Any, details: Any) -> None:
        pass

    def _session_left(self, session: Any, details: Any, close_details: Any) -> None:
        pass


class Scripted(PendingAuthTicket):
    """
    The authentication method `scripted`: `answer`, called with "hello" or a signature, gives what
    the authenticator says.
    """

    AUTHMETHOD = "scripted"

    def hello(self, realm: Any, details: Any) -> Any:
        return self._realm_container.answer("hello")

    def authenticate(self, signature: str) -> Any:
        return self._realm_container.answer(signature)


class Worker:
    """The controller of a worker, as authenticators see it."""

    def __init__(self) -> None:
        self.personality = SimpleNamespace(EXTRA_AUTH_METHODS={"scripted": Scripted})
        self.answer: Callable[[str], Any] = lambda said: Challenge("scripted")

    def has_realm(self, realm: str) -> bool:
        return True

    def has_role(self, realm: str, role: str) -> bool:
        return True


class Realms(dict[str, Realm]):
    """Crossbar's router factory: the realms of a worker by their names."""

    _node_id, _worker_id = "node", "worker"

    def __init__(self) -> None:
        super().__init__(realm1=Realm(), realm2=Realm())
        self._worker = Worker()
        self._routers = self


class SessionFactory:
    """What Crossbar's worker gives to its transports."""

    def __init__(self, session: Any = RouterSession, routers: Any = None) -> None:
        self.session = session
        self._routerFactory = routers or Realms()

    def __call__(self) -> Any:
        session = self.session(self._routerFactory)
        session.factory = self
        return session


def principals(*names: str) -> dict[str, Any]:
    """The configuration of ticket authentication for users `authid` or `authid@realm`."""
    found = {}
    for name in names:
        authid, _, realm = name.partition("@")
        found[name] = {
            "ticket": SECRET,
            "role": "user",
            "authid": authid,
            "realm": realm or "realm1",
        }
    return {"type": "static", "principals": found}

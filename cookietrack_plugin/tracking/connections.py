"""The live connections of each cookie, and what they know of it. No I/O."""

from collections.abc import Iterator
from typing import Protocol

from attrs import define, field
from twisted.python.failure import Failure

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie


class Connection(Protocol):
    """What the tracker asks of a connection."""

    # When the client last sent a message, milliseconds.
    last_heard: int

    def is_usable(self) -> bool:
        """Whether the router may send on it, and close it."""

    def is_logging_in(self) -> bool:
        """Whether its session has not begun yet, as far as its client knows."""

    def forget_login(self) -> None:
        """The login that came with its cookie no longer counts. Synchronous: nothing in between."""

    def end_session(self, reason: str) -> None:
        """Tell the client that its session was ended, by a WAMP reason, and close."""


@define
class Live:
    """
    A cookie with live connections.

    `cookie`: as last known. `limit`: see `Policy.limit`. `fresh`: it was handed out to one of these
    connections, so that nobody else can have planted it. `login`: the latest, also where the record
    was made to forget it since: sessions that began with it go on. `read`: when the store was last
    asked for it, on the reactor's clock. `unstored`: why the latest login is not stored.
    """

    cookie: Cookie
    policy: Policy
    limit: int
    fresh: bool
    login: Auth | None
    read: float = 0.0
    unstored: Failure | None = None
    connections: set[Connection] = field(factory=set)

    @property
    def owner(self) -> str | None:
        """The authid of the latest login."""
        return self.login.authid if self.login else None

    def last_heard(self) -> int:
        """The latest message on any connection, milliseconds."""
        return max((each.last_heard for each in self.connections), default=0)


class Connections:
    """Live connections by cookie id. On the reactor's thread."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}

    def add(self, live: Live, connection: Connection) -> int:
        """Note a connection, with what its handshake knows; how many the cookie has."""
        known = self._live.setdefault(live.cookie.id, live)
        known.cookie = live.cookie
        known.limit = max(known.limit, live.limit)
        known.read = max(known.read, live.read)
        known.connections.add(connection)
        return len(known.connections)

    def drop(self, id: str, connection: Connection) -> int:
        """Forget a connection; how many are left. Quiet where it is not known (any more)."""
        live = self._live.get(id)
        if live is None:
            return 0
        live.connections.discard(connection)
        if not live.connections:
            del self._live[id]
        return len(live.connections)

    def live(self, id: str) -> Live | None:
        """What is known of a cookie with live connections."""
        return self._live.get(id)

    def of(self, id: str) -> list[Connection]:
        """The connections of a cookie."""
        live = self._live.get(id)
        return list(live.connections) if live else []

    def logged_in(self, authid: str | None, authrealm: str | None) -> list[str]:
        """Cookies whose latest login was by `authid` in `authrealm`; None: by any, in any."""
        return [
            id
            for id, live in self._live.items()
            if live.login is not None
            and authid in (None, live.login.authid)
            and authrealm in (None, live.login.authrealm)
        ]

    def take(self, id: str) -> list[Connection]:
        """The connections of a cookie, which from now on has none: whoever takes them ends them."""
        live = self._live.pop(id, None)
        return list(live.connections) if live else []

    def __iter__(self) -> Iterator[str]:
        """The ids of cookies with live connections, as they are now."""
        return iter(list(self._live))

    def __len__(self) -> int:
        """How many cookies have a live connection."""
        return len(self._live)

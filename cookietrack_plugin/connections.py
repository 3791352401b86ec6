"""The live connections of each cookie, and its record as they know it. No I/O."""

from typing import Protocol

from attrs import define, field

from cookietrack_plugin.record import Cookie


class Connection(Protocol):
    """What the tracker asks of a connection."""

    def is_usable(self) -> bool:
        """Whether the router may send on it, and close it."""

    def forget_login(self) -> None:
        """The login that came with its cookie no longer counts. Synchronous: nothing in between."""

    def end_session(self) -> None:
        """Tell the client that its session was ended, and close."""


@define
class _Live:
    cookie: Cookie
    connections: set[Connection] = field(factory=set)


class Connections:
    """Live connections by cookie id. On the reactor's thread."""

    def __init__(self) -> None:
        self._live: dict[str, _Live] = {}

    def add(self, cookie: Cookie, connection: Connection) -> int:
        """Note a connection, and its record as it is now; how many the cookie has."""
        live = self._live.setdefault(cookie.id, _Live(cookie))
        live.cookie = cookie
        live.connections.add(connection)
        return len(live.connections)

    def drop(self, id: str, connection: Connection) -> int:
        """Forget a connection; how many are left. Quiet where it is not known (any more)."""
        live = self._live.get(id)
        if live is None:
            return 0
        live.connections.discard(connection)
        if not live.connections:
            del self._live[id]
        return len(live.connections)

    def of(self, id: str) -> list[Connection]:
        """The connections of a cookie."""
        live = self._live.get(id)
        return list(live.connections) if live else []

    def take(self, id: str) -> list[Connection]:
        """The connections of a cookie, which from now on has none: whoever takes them ends them."""
        live = self._live.pop(id, None)
        return list(live.connections) if live else []

    def cookie(self, id: str) -> Cookie | None:
        """The record that a live connection was last known to have."""
        live = self._live.get(id)
        return live.cookie if live else None

    def update(self, cookie: Cookie) -> None:
        """Remember a newer record, if any connection is live."""
        if live := self._live.get(cookie.id):
            live.cookie = cookie

    def __len__(self) -> int:
        """How many cookies have a live connection."""
        return len(self._live)

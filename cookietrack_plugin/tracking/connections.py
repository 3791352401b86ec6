"""
The connections of this worker, the cookies that they came with, and the sessions on them. No I/O.

A session is known by its connection and not by a cookie: it can outlive or lack a record.
"""

from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import Auth, Cookie, UserRevoked, matches

# Authentication methods that are no login: anonymous ones, and a login of before.
NO_LOGIN = frozenset({"anonymous", "anonymous-proxy", "cookie"})


class Link(Protocol):
    """
    What the tracker asks of the router's side of a connection. On the reactor's thread.

    `peer`: where the client is, as Crossbar writes it.
    """

    @property
    def peer(self) -> str: ...

    def discard_input(self) -> None:
        """From now on nothing that the client sends reaches the router. Synchronous."""

    def detach(self) -> Deferred[None]:
        """Take the session off the router. Fires when the router no longer lists it."""

    def close(self, reason: str, code: int) -> None:
        """
        Send GOODBYE with the WAMP `reason`, or ABORT, and Close with the WebSocket `code`; abort
        the TCP connection two seconds later, even if the client does not respond.
        """

    def forget_login(self) -> None:
        """Drop the login that came with its cookie: it no longer counts. Synchronous."""


@define(eq=False)
class ActiveCookie:
    """
    A cookie with open connections.

    `record`: as last known. `read`: when the store was last asked for it, in seconds of the
    monotonic clock. `persists`: whether the store has the record, or was asked to make it; until
    then only its own connection knows of it. `doubted`: when the latest look-up for a HELLO was
    asked for, if that found no record or failed; by the clock of `read`. `handshake`: when it was
    last presented here, Unix milliseconds. `former`: the identities that owned it before, as long
    as their sessions may be there.
    """

    record: Cookie
    read: float
    persists: bool = True
    doubted: float | None = None
    handshake: int = 0
    connections: "set[TrackedConnection]" = field(factory=set)
    former: set[tuple[str, str]] = field(factory=set)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def owner(self) -> tuple[str, str] | None:
        """The identity that is logged in with it."""
        return self.record.auth.identity if self.record.auth else None

    def last_heard(self) -> int:
        """When one of its clients was last heard, milliseconds."""
        return max((each.last_heard for each in self.connections), default=0)


@define(eq=False)
class TrackedConnection:
    """
    A connection as the tracker knows it.

    Times are Unix milliseconds. `cookie`: None once the cookie was ended and the connection goes on
    without it. `limit`: see `Policy.limit`. `fresh`: the cookie was handed out to this connection,
    so nobody can have planted it (session fixation). `last_heard`: the latest message. `session`:
    who is joined on it, from the accepted login until it leaves. `joined`: when the latest session
    was accepted.

    `since`, `heard`: what a login notes when it begins: the position of the store's feed, and that
    of `RecentRevocations`. `replaced`: the id of the record without a login that its client came
    with, and that its login makes superfluous. `ended`: nothing that its client sends counts any
    more, or it was lost. `due`: when its lifetime is checked next. `came_with`: the id of the
    cookie of its handshake, even after that was ended: others know its session by it.
    """

    link: Link
    cookie: ActiveCookie | None
    policy: Policy
    limit: int
    fresh: bool
    last_heard: int
    session: Auth | None = None
    joined: int = 0
    since: Hashable = None
    heard: int = 0
    replaced: str | None = None
    ended: bool = False
    due: int = 0
    came_with: str | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.came_with = self.id

    @property
    def id(self) -> str | None:
        """The id of its cookie."""
        return self.cookie.id if self.cookie else None

    def is_logged_in(self) -> bool:
        """Whether its session began with a login, and not anonymously."""
        return self.session is not None and self.session.authmethod not in NO_LOGIN


T = TypeVar("T", bound=Hashable)


class IdentityIndex(Generic[T]):
    """Items by the identity that they belong to."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, set[T]]] = {}
        self._count = 0

    def move(self, item: T, old: Auth | None, new: Auth | None) -> None:
        """Move an item that belonged to `old` to `new`; None for nobody."""
        if old and new and old.identity == new.identity:
            return
        if old:
            self._discard(item, *old.identity)
        if new:
            self._items.setdefault(new.authid, {}).setdefault(new.authrealm, set()).add(item)
            self._count += 1

    def matching(self, authid: str | None, authrealm: str | None) -> list[T]:
        """The items of `authid` in `authrealm`; None is any."""
        by_realm = list(self._items.values()) if authid is None else [self._items.get(authid, {})]
        return [
            item
            for realms in by_realm
            for realm, items in realms.items()
            if authrealm in (None, realm)
            for item in items
        ]

    def __len__(self) -> int:
        """How many items belong to somebody."""
        return self._count

    def _discard(self, item: T, authid: str, authrealm: str) -> None:
        realms = self._items[authid]
        self._count -= item in realms[authrealm]
        realms[authrealm].discard(item)
        if not realms[authrealm]:
            del realms[authrealm]
        if not realms:
            del self._items[authid]


class Connections:
    """Open connections by the id of their cookie, and by who is on them."""

    def __init__(self) -> None:
        self._cookies: dict[str, ActiveCookie] = {}
        self._connections: set[TrackedConnection] = set()
        self._owners: IdentityIndex[ActiveCookie] = IdentityIndex()
        self._sessions: IdentityIndex[TrackedConnection] = IdentityIndex()

    def activate(self, record: Cookie, read: float, persists: bool = True) -> ActiveCookie:
        """
        The cookie of a new connection, with what its handshake has read. `persists`: see
        `ActiveCookie`.
        """
        cookie = self._cookies.get(record.id)
        if cookie is None:
            cookie = self._cookies[record.id] = ActiveCookie(record, read, persists)
            self._owners.move(cookie, None, record.auth)
        else:
            self.update(cookie, record)
            cookie.read = max(cookie.read, read)
        return cookie

    def update(self, cookie: ActiveCookie, record: Cookie) -> None:
        """Note what the record of a cookie is now."""
        # A look-up may be answered when the last connection is gone.
        if self._cookies.get(cookie.id) is cookie:
            self._owners.move(cookie, cookie.record.auth, record.auth)
        owner, cookie.record = cookie.owner, record
        if owner not in (None, cookie.owner):
            cookie.former.add(owner)

    def add(self, connection: TrackedConnection) -> None:
        self._connections.add(connection)
        if connection.cookie:
            connection.cookie.connections.add(connection)

    def drop(self, connection: TrackedConnection) -> None:
        """Forget a connection that was lost or is ended. Idempotent."""
        self._connections.discard(connection)
        self.leave(connection)
        self.part(connection)

    def part(self, connection: TrackedConnection) -> None:
        """Take its cookie from a connection, which goes on without it."""
        cookie, connection.cookie = connection.cookie, None
        if cookie is None:
            return
        cookie.connections.discard(connection)
        if not cookie.connections and self._cookies.get(cookie.id) is cookie:
            del self._cookies[cookie.id]
            self._owners.move(cookie, cookie.record.auth, None)

    def join(self, connection: TrackedConnection, session: Auth) -> None:
        """A session is accepted on it."""
        self._sessions.move(connection, connection.session, session)
        connection.session = session

    def leave(self, connection: TrackedConnection) -> None:
        """Its session, if there is one, has left."""
        self._sessions.move(connection, connection.session, None)
        connection.session = None

    def active(self, id: str) -> ActiveCookie | None:
        """The cookie, if a connection is open with it."""
        return self._cookies.get(id)

    def of(self, id: str) -> list[TrackedConnection]:
        """The connections of a cookie."""
        cookie = self._cookies.get(id)
        return list(cookie.connections) if cookie else []

    def ended_by(self, revoked: UserRevoked) -> list[TrackedConnection]:
        """
        Connections with a session of the user, or with a cookie that is logged in as the user. A
        connection that goes on without its cookie is spared if that was a kept one, as no other
        has it any more.
        """
        user = revoked.authid, revoked.authrealm
        found = dict.fromkeys(self._sessions.matching(*user))
        for cookie in self._owners.matching(*user):
            found.update(dict.fromkeys(cookie.connections))
        if matches(None, *user):
            found.update(dict.fromkeys(self._connections))
        return [each for each in found if each.came_with not in revoked.keep]

    def open_of(
        self, authid: str | None, authrealm: str | None, limit: int
    ) -> list[TrackedConnection]:
        """
        At most `limit` connections with a session of `authid` in `authrealm`, in no order; if both
        are None, of all connections.
        """
        if authid is None and authrealm is None:
            return list(islice(self._connections, limit))
        return list(islice(self._sessions.matching(authid, authrealm), limit))

    @property
    def total(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def logged_in(self) -> int:
        """How many cookies with an open connection have a login."""
        return len(self._owners)

    def __iter__(self) -> Iterator[TrackedConnection]:
        """All of them, as they are now."""
        return iter(list(self._connections))

    def cookies(self) -> list[ActiveCookie]:
        """The cookies that connections are open with."""
        return list(self._cookies.values())

    def __len__(self) -> int:
        """How many cookies have an open connection."""
        return len(self._cookies)

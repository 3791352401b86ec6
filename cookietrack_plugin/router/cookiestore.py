"""A tracked store under the names, orders and assumptions of Crossbar's router."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.components import registerAdapter
from zope.interface import implementer

from cookietrack_plugin import header
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed, IRouterCookieStore
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.tracking.feed import Feed
from cookietrack_plugin.tracking.tracker import Tracker
from cookietrack_plugin.tracking.visit import Admission

# Authentication methods by which nobody logs in.
NO_LOGIN = {"anonymous", "anonymous-proxy", "cookie"}

Login = tuple[str | None, str | None, str | None, str | None, dict[str, Any] | None]


@implementer(IRouterCookieStore)
class RouterCookieStore:
    """
    One transport's view of a tracker. All names in camelCase are the router's.

    The router calls it in the middle of joining and leaving sessions, where an exception would
    leave a session half open: nothing here raises, but for `create`. That, `parse` and `addProto`
    are for a protocol that does not know us: in a handshake of ours the store stands aside.
    """

    def __init__(
        self,
        tracker: Tracker,
        settings: CookieSettings,
        methods: Collection[str] = ("cookie",),
    ) -> None:
        self.tracker = tracker
        self.settings = settings
        # Without auth.cookie the cookie only tracks, and logins are not stored.
        self.authenticates = "cookie" in methods
        self.policy = settings.policy(bool(set(methods) - NO_LOGIN))
        self._cookie_id_field = settings.name
        # Whether the router is to pass it over, as our own protocol sees to a handshake's cookie.
        self.stands_aside = False

    def __bool__(self) -> bool:
        return not self.stands_aside

    def for_transport(
        self, cookie: Mapping[str, Any], methods: Collection[str]
    ) -> "RouterCookieStore":
        return RouterCookieStore(self.tracker, CookieSettings.of(cookie), methods)

    def parse(self, headers: Mapping[str, str]) -> str | None:
        values = header.parse(headers.get("cookie", ""), self.settings.name)
        return header.id_of(values[0]) if len(values) == 1 else None

    def exists(self, cbtid: str) -> bool:
        return bool(cbtid) and self.tracker.current(cbtid) is not None

    def create(self) -> tuple[str, str]:
        raise StoreUnavailable("no cookie is made where its value would pass the router")

    def getAuth(self, cbtid: str) -> Login:
        return login_of(self.tracker.current(cbtid) if cbtid else None)

    def setAuth(
        self,
        cbtid: str,
        authid: str | None,
        authrole: str | None,
        authmethod: str | None,
        authextra: Mapping[str, Any] | None,
        authrealm: str | None,
    ) -> bool:
        if not cbtid or not self.authenticates or authmethod in ("anonymous", "anonymous-proxy"):
            return False
        if authid is None or authrole is None or authmethod is None or authrealm is None:
            return self.tracker.authenticate(cbtid, None, self.policy)
        auth = Auth(authid, authrole, authmethod, authrealm, _lasting(authextra))
        return self.tracker.authenticate(cbtid, auth, self.policy)

    def delAuth(self, cbtid: str) -> bool:
        existed = self.exists(cbtid)
        # The tracker has logged a failure, and our protocol holds back the GOODBYE.
        self.tracker.revoke(cbtid).addErrback(lambda _: None)
        return existed

    def addProto(self, cbtid: str, proto: Any) -> int:
        known = self.tracker.connections.of(cbtid)
        if proto not in known and cbtid and (cookie := self.tracker.current(cbtid)):
            self.tracker.enter(Admission(cookie, cookie.expires, False), self.policy, proto)
            return len(known) + 1
        return len(known)

    def dropProto(self, cbtid: str, proto: Any) -> int:
        return self.tracker.drop(cbtid, proto)

    def getProtos(self, cbtid: str) -> list[Any]:
        # After delAuth there are none: the tracker closes them once the deletion is durable. The
        # router's sendClose() raises on a connection that is not open.
        return [proto for proto in self.tracker.connections.of(cbtid) if proto.is_usable()]

    def close(self) -> Deferred[Any]:
        return self.tracker.close()


def login_of(cookie: Cookie | None) -> Login:
    """Who a cookie stands for, as the router wants to know it."""
    if cookie is None or cookie.auth is None:
        return None, None, None, None, None
    auth = cookie.auth
    # A copy: the router's proxy changes what it gets.
    extra = deepcopy(dict(auth.authextra)) if auth.authextra is not None else None
    return auth.authid, auth.authrole, auth.authmethod, auth.authrealm, extra


def _lasting(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What of an authextra outlives its connection: Crossbar puts the peer's port into it."""
    # Keys need not be strings where a client speaks CBOR or MessagePack.
    kept = {k: deepcopy(v) for k, v in (extra or {}).items() if not str(k).startswith("x_cb_")}
    return kept or None


def _track(store: ICookieStore) -> RouterCookieStore:
    tracker = Tracker(store, reactor)
    if IRevocationFeed.providedBy(store):
        tracker.close_with(Feed(tracker, store).stop)
    return RouterCookieStore(tracker, CookieSettings())


registerAdapter(_track, ICookieStore, IRouterCookieStore)

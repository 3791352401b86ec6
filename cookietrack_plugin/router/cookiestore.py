"""A tracked store under the names, orders and assumptions of Crossbar's router."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from cookietrack_plugin import header
from cookietrack_plugin.config.authextra import without_lifetime
from cookietrack_plugin.config.proxies import TrustedProxies
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router.newcomers import Newcomers
from cookietrack_plugin.tracking.connections import NO_LOGIN
from cookietrack_plugin.tracking.tracker import Tracker

Login = tuple[str | None, str | None, str | None, str | None, dict[str, Any] | None]


@implementer(IRouterCookieStore)
class RouterCookieStore:
    """
    One transport's view of a tracker. All names in camelCase are the router's.

    The router calls it in the middle of joining and leaving sessions, where an exception would
    leave a session half open: nothing here raises, but for `create`. What the router wants to store
    is stored already: by the handshake, and by the gate before the session.
    """

    def __init__(
        self, tracker: Tracker, reactor: Any, settings: CookieSettings, methods: Collection[str]
    ) -> None:
        self.tracker = tracker
        self.reactor = reactor
        self.settings = settings
        if settings.fresh_for is not None:
            tracker.asks_freshness = True
        # Without auth.cookie the cookie only tracks, and logins are not stored.
        self.authenticates = "cookie" in methods
        self.policy = settings.policy(self.authenticates and bool(set(methods) - NO_LOGIN))
        self.newcomers = Newcomers(settings.max_new_per_second, settings.max_new_per_peer, reactor)
        self.trusted_proxies = TrustedProxies.of(settings.trusted_proxies)
        self._cookie_id_field = settings.name
        # Whether the router is to pass it over, as our own protocol handles a handshake's cookie.
        self.stands_aside = False

    def __bool__(self) -> bool:
        return not self.stands_aside

    def for_transport(
        self, cookie: Mapping[str, Any], methods: Collection[str]
    ) -> "RouterCookieStore":
        return RouterCookieStore(self.tracker, self.reactor, CookieSettings.of(cookie), methods)

    def parse(self, headers: Mapping[str, str]) -> str | None:
        values = header.parse(headers.get("cookie", ""), self.settings.name)
        return header.id_of(values[0]) if len(values) == 1 else None

    def exists(self, cbtid: str) -> bool:
        return self._known(cbtid) is not None

    def create(self) -> tuple[str, str]:
        raise StoreUnavailable("no cookie is made where its value would pass the router")

    def getAuth(self, cbtid: str) -> Login:
        return login_of(self._known(cbtid))

    def setAuth(
        self,
        cbtid: str,
        authid: str | None,
        authrole: str | None,
        authmethod: str | None,
        authextra: Mapping[str, Any] | None,
        authrealm: str | None,
    ) -> bool:
        return False

    def delAuth(self, cbtid: str) -> bool:
        return bool(cbtid)

    def addProto(self, cbtid: str, proto: Any) -> int:
        return self.tracker.connections_of(cbtid)

    def dropProto(self, cbtid: str, proto: Any) -> int:
        return self.tracker.connections_of(cbtid)

    def getProtos(self, cbtid: str) -> list[Any]:
        return []

    def close(self) -> Deferred[Any]:
        return self.tracker.close()

    def _known(self, cbtid: str) -> Cookie | None:
        return self.tracker.known(cbtid, self.policy)


def login_of(cookie: Cookie | None) -> Login:
    """Who a cookie stands for, as the router wants to know it."""
    if cookie is None or cookie.auth is None:
        return None, None, None, None, None
    auth = cookie.auth
    # A copy: the router's proxy changes what it gets.
    extra = deepcopy(dict(auth.authextra)) if auth.authextra is not None else None
    return auth.authid, auth.authrole, auth.authmethod, auth.authrealm, without_lifetime(extra)

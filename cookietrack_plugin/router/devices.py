"""The WAMP procedures `cookietrack.my.*`, for users and their own devices."""

from collections.abc import Callable, Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.interfaces import ISession
from autobahn.wamp.types import CallDetails
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.record import Cookie, is_id
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.router.freshness import freshness_of, require_fresh
from cookietrack_plugin.router.operators import listed, shown
from cookietrack_plugin.router.outcome import counts
from cookietrack_plugin.tracking.tracker import Tracker

NOT_DISCLOSED = "cookietrack.error.caller_not_disclosed"
SESSION_GET = "wamp.session.get"
# The most devices in a list.
MAX_DEVICES = 1000


class DeviceProcedures:
    """
    Procedures about the caller's devices: the records of its authid in the realm of the session.

    :param session: the component's, which is joined to `realm`.
    """

    def __init__(self, store: AdministeredStore, session: ISession, realm: str) -> None:
        self._store = store
        self._session = session
        self._realm = realm

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """The procedures, by what follows `cookietrack.` in their names."""
        return {
            "my.list": self.list_devices,
            "my.freshness": self.freshness,
            "my.revoke": self.revoke,
            "my.revoke_others": self.revoke_others,
        }

    @inlineCallbacks
    def list_devices(self, *, details: CallDetails, **search: Any) -> Any:
        """
        The caller's cookies in this realm; `current` is the one that it calls with. With a keyword
        of a search, such as a `cursor`, null for the first: a page of them.
        """
        authid, realm = self._caller(details)
        asked = arguments.search((authid, realm), search) if search else None
        current = _current((yield self._session_of(details)))
        tracker = yield self._store.tracker()

        def show(tracker: Tracker, cookie: Cookie) -> dict[str, Any]:
            return {**shown(tracker, cookie), "current": cookie.id == current}

        if asked is not None:
            return (yield listed(tracker, *asked, show))
        cookies = yield tracker.select(authid, realm, MAX_DEVICES)
        return [show(tracker, each) for each in cookies]

    @inlineCallbacks
    def revoke(self, id: Any, *, details: CallDetails) -> Any:
        """End one of the caller's cookies. The caller's login has to be fresh."""
        caller, id = self._caller(details), arguments.an_id(id)
        session = yield self._session_of(details)
        tracker = yield self._store.tracker()
        require_fresh(session, tracker.clock.now(), tracker.asks_freshness)
        cookie = yield tracker.find(id)
        if not _is_of(cookie, caller):
            raise arguments.invalid(f"id: expected one of your devices, found {id}")
        return (yield counts(tracker.revoke([id], Actor(By.CLIENT, *caller))))

    @inlineCallbacks
    def revoke_others(self, *, details: CallDetails) -> Any:
        """
        End everything of the caller but the cookie that it calls with. The caller's login has to be
        fresh.
        """
        authid, realm = self._caller(details)
        session = yield self._session_of(details)
        tracker = yield self._store.tracker()
        require_fresh(session, tracker.clock.now(), tracker.asks_freshness)
        current = _current(session)
        keep = frozenset([current] if current else [])
        actor = Actor(By.CLIENT, authid, realm)
        return (yield counts(tracker.revoke_user(authid, realm, keep, actor)))

    @inlineCallbacks
    def freshness(self, *, details: CallDetails) -> Any:
        """When the caller logged in, and whether that is recent enough."""
        session = yield self._session_of(details)
        tracker = yield self._store.tracker()
        return freshness_of(session, tracker.clock.now(), tracker.asks_freshness)

    def _caller(self, details: CallDetails) -> tuple[str, str]:
        if not details.caller_authid:
            raise ApplicationError(
                NOT_DISCLOSED, 'the caller\'s role needs "disclose": {"caller": true} for this'
            )
        return details.caller_authid, self._realm

    def _session_of(self, details: CallDetails) -> Any:
        """The caller's session, as `wamp.session.get` has it: a Deferred."""
        return self._session.call(SESSION_GET, details.caller)


def _current(session: Mapping[str, Any]) -> str | None:
    """
    The id of the cookie that a session came with. Not all transports are ours: Crossbar shows what
    a client says of its own.
    """
    transport = session.get("transport")
    id = transport.get("http_cbtid") if isinstance(transport, Mapping) else None
    return id if is_id(id) else None


def _is_of(cookie: Cookie | None, identity: tuple[str, str]) -> bool:
    return cookie is not None and cookie.auth is not None and cookie.auth.identity == identity

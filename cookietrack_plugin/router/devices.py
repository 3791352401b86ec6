"""The WAMP procedures `cookietrack.my.*`, for users and their own devices."""

from collections.abc import Callable
from typing import Any

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.interfaces import ISession
from autobahn.wamp.types import CallDetails
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.router.operators import counts, shown

NOT_DISCLOSED = "cookietrack.error.caller_not_disclosed"
SESSION_GET = "wamp.session.get"
# Devices of one user that a list has at most.
MAX_DEVICES = 1000


class DeviceProcedures:
    """
    An own device is a record of the caller's identity: its authid, in the realm of the session.

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
            "my.revoke": self.revoke,
            "my.revoke_others": self.revoke_others,
        }

    @inlineCallbacks
    def list_devices(self, *, details: CallDetails) -> Any:
        """The caller's cookies in this realm; `current` is the one that it calls with."""
        authid, realm = self._caller(details)
        current = yield self._current(details)
        tracker = yield self._store.tracker()
        cookies = yield tracker.scan(authid, realm, MAX_DEVICES)
        return [{**shown(tracker, each), "current": each.id == current} for each in cookies]

    @inlineCallbacks
    def revoke(self, id: Any, *, details: CallDetails) -> Any:
        """End one of the caller's cookies."""
        caller, id = self._caller(details), arguments.an_id(id)
        tracker = yield self._store.tracker()
        cookie = yield tracker.find(id)
        if not _is_of(cookie, caller):
            raise arguments.invalid(f"id: expected one of your devices, found {id}")
        return counts((yield tracker.revoke([id])))

    @inlineCallbacks
    def revoke_others(self, *, details: CallDetails) -> Any:
        """End everything of the caller but the cookie that it calls with."""
        authid, realm = self._caller(details)
        current = yield self._current(details)
        tracker = yield self._store.tracker()
        keep = frozenset([current] if current else [])
        return counts((yield tracker.revoke_user(authid, realm, keep)))

    def _caller(self, details: CallDetails) -> tuple[str, str]:
        if not details.caller_authid:
            raise ApplicationError(
                NOT_DISCLOSED, 'the caller\'s role needs "disclose": {"caller": true} for this'
            )
        return details.caller_authid, self._realm

    @inlineCallbacks
    def _current(self, details: CallDetails) -> Any:
        session = yield self._session.call(SESSION_GET, details.caller)
        return (session.get("transport") or {}).get("http_cbtid")


def _is_of(cookie: Cookie | None, identity: tuple[str, str]) -> bool:
    return cookie is not None and cookie.auth is not None and cookie.auth.identity == identity

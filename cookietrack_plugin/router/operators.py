"""The WAMP procedures `cookietrack.*`, for the operator's application."""

from collections.abc import Callable
from typing import Any

from autobahn.wamp.types import CallDetails
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.record import Cookie, as_mapping
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.tracking.revocation import Ended
from cookietrack_plugin.tracking.tracker import Tracker


def shown(tracker: Tracker, cookie: Cookie) -> dict[str, Any]:
    """The record for callers, and how many connections it has in this worker."""
    return {**as_mapping(cookie), "connections": tracker.connections_of(cookie.id)}


def counts(ended: Ended) -> dict[str, int]:
    """How much a revocation has ended, for its caller."""
    return {"cookies": ended.cookies, "connections": ended.connections}


class OperatorProcedures:
    """Each looks at, or ends, the cookies of any user. Answers have ids, never values."""

    def __init__(self, store: AdministeredStore) -> None:
        self._store = store

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """The procedures, by what follows `cookietrack.` in their names."""
        return {
            "list": self.list_cookies,
            "get": self.get_cookie,
            "count": self.count,
            "stat": self.stat,
            "revoke": self.revoke,
            "revoke_by_authid": self.revoke_by_authid,
        }

    @inlineCallbacks
    def list_cookies(
        self,
        authid: Any = None,
        authrealm: Any = None,
        limit: Any = 100,
        *,
        details: CallDetails | None = None,
    ) -> Any:
        """At most `limit` cookies, of `authid` and/or in `authrealm` if given."""
        user = arguments.user(authid, authrealm)
        limit = arguments.limit(limit)
        tracker = yield self._store.tracker()
        cookies = yield tracker.scan(*user, limit)
        return [shown(tracker, cookie) for cookie in cookies]

    @inlineCallbacks
    def get_cookie(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """One cookie, None where there is none."""
        id = arguments.an_id(id)
        tracker = yield self._store.tracker()
        cookie = yield tracker.find(id)
        return None if cookie is None else shown(tracker, cookie)

    @inlineCallbacks
    def count(
        self, authid: Any = None, authrealm: Any = None, *, details: CallDetails | None = None
    ) -> Any:
        """How many valid cookies `authid` has, and/or there are in `authrealm`; or all records."""
        user = arguments.user(authid, authrealm)
        tracker = yield self._store.tracker()
        if user == (None, None):
            # The store knows that without a scan of everything.
            return (yield tracker.stat())["cookies"]
        return (yield tracker.count(*user))

    @inlineCallbacks
    def stat(self, *, details: CallDetails | None = None) -> Any:
        """What the store says of itself, and how many cookies have a live connection here."""
        tracker = yield self._store.tracker()
        stat = yield tracker.stat()
        return dict(stat)

    @inlineCallbacks
    def revoke(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """End a cookie, or a list of them."""
        ids = arguments.ids(id)
        tracker = yield self._store.tracker()
        return counts((yield tracker.revoke(ids)))

    @inlineCallbacks
    def revoke_by_authid(
        self, authid: Any, authrealm: Any = None, *, details: CallDetails | None = None
    ) -> Any:
        """End everything that a user has: cookies, sessions, and logins in progress."""
        user = (arguments.name("authid", authid), arguments.optional_name("authrealm", authrealm))
        tracker = yield self._store.tracker()
        return counts((yield tracker.revoke_user(*user, frozenset())))

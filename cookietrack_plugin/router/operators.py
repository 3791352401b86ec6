"""The WAMP procedures `cookietrack.*`, for the operator's application."""

from collections.abc import Callable
from typing import Any

from autobahn.wamp.types import CallDetails
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.python.failure import Failure

from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.record import Cookie, as_mapping
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.router.outcome import counts
from cookietrack_plugin.search.page import SearchPage
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.tracking.tracker import Tracker


def shown(tracker: Tracker, cookie: Cookie) -> dict[str, Any]:
    """The record for callers, and how many connections it has in this worker."""
    return {**as_mapping(cookie), "connections": tracker.connections_of(cookie.id)}


def listed(
    tracker: Tracker,
    selection: Selection,
    cursor: str | None,
    limit: int,
    show: Callable[[Tracker, Cookie], dict[str, Any]] = shown,
) -> Deferred[dict[str, Any]]:
    """
    A page for callers: `cookies`, how many records were `looked_at` for it, and the next `cursor`.
    """

    def page_shown(page: SearchPage) -> dict[str, Any]:
        cookies = [show(tracker, cookie) for cookie in page.cookies]
        return {"cookies": cookies, "looked_at": page.looked_at, "cursor": page.cursor}

    return tracker.search(selection, cursor, limit).addCallbacks(page_shown, _no_cursor)


def _no_cursor(failure: Failure) -> Any:
    """A cursor that the store does not know is the caller's mistake."""
    failure.trap(ValueError)
    raise arguments.invalid(
        "cursor: expected null, or what the page before has for the same arguments, found another"
        " string"
    ) from None


class OperatorProcedures:
    """
    Procedures that read or end the cookies of any user. Answers have ids, never values.

    :param realm: of the component, and so of its callers.
    """

    def __init__(self, store: AdministeredStore, realm: str) -> None:
        self._store = store
        self._realm = realm

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
        **search: Any,
    ) -> Any:
        """
        At most `limit` cookies, of `authid` and/or in `authrealm` if given. With a `cursor`, null
        for the first, or another keyword of a search: a page of them.
        """
        user = arguments.user(authid, authrealm)
        asked = arguments.search(user, {**search, "limit": limit})
        tracker = yield self._store.tracker()
        if search:
            return (yield listed(tracker, *asked))
        cookies = yield tracker.select(*user, limit)
        return [shown(tracker, cookie) for cookie in cookies]

    @inlineCallbacks
    def get_cookie(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """One cookie, null where there is none."""
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
            # The store knows that without reading everything.
            return (yield tracker.stat())["cookies"]
        return (yield tracker.count(*user))

    @inlineCallbacks
    def stat(self, *, details: CallDetails | None = None) -> Any:
        """What the store says of itself, and how many cookies have an open connection here."""
        tracker = yield self._store.tracker()
        stat = yield tracker.stat()
        return dict(stat)

    @inlineCallbacks
    def revoke(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """End a cookie, or a list of them."""
        ids = arguments.ids(id)
        tracker = yield self._store.tracker()
        return (yield counts(tracker.revoke(ids, self._actor(details))))

    @inlineCallbacks
    def revoke_by_authid(
        self, authid: Any, authrealm: Any = None, *, details: CallDetails | None = None
    ) -> Any:
        """End everything that a user has: cookies, sessions, and logins in progress."""
        user = (arguments.name("authid", authid), arguments.optional_name("authrealm", authrealm))
        tracker = yield self._store.tracker()
        ended = tracker.revoke_user(*user, frozenset(), self._actor(details))
        return (yield counts(ended))

    def _actor(self, details: CallDetails | None) -> Actor:
        """The caller, whose name is known if its role discloses it."""
        authid = details.caller_authid if details else None
        return Actor(By.OPERATOR, authid, self._realm if authid else None)

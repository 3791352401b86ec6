"""WAMP procedures and events about cookies, as a component for the node configuration."""

from collections.abc import Callable
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallDetails, RegisterOptions
from twisted.internet.defer import inlineCallbacks, maybeDeferred
from twisted.python.failure import Failure

from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.tracking.events import Event, Kind
from cookietrack_plugin.tracking.tracker import Tracker

PUBLISHED = (Kind.CREATED, Kind.AUTHENTICATED, Kind.REVOKED, Kind.EXPIRED)
NOT_DISCLOSED = "cookietrack.error.caller_not_disclosed"
NO_STORE = "cookietrack.error.no_store"
UNAVAILABLE = "cookietrack.error.store_unavailable"


class CookieAdministration(ApplicationSession):
    """
    `cookietrack.*` for the operator's application, `cookietrack.my.*` for users and their own
    devices. Answers have ids, never values.

    `extra.store` is the `store` item that is administered; it can be left out where the component's
    worker has exactly one store open. Who may call what is a matter of the realm's roles.
    """

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        """Open the store if one is named, and register everything."""
        self._stores = open_stores(self.config.extra["cbdir"])
        if options := self.config.extra.get("store"):
            yield self._stores.shared(options)
        for name, procedure in self.procedures().items():
            with_details = RegisterOptions(details_arg="details")
            yield self.register(procedure, f"cookietrack.{name}", with_details)
        if options:
            self._tracker.events.subscribe(self._publish)

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """What is registered, by name: wrong arguments and a store that fails are told as such."""
        procedures: dict[str, Callable[..., Any]] = {
            "list": self.list_cookies,
            "get": self.get_cookie,
            "count": self.count,
            "stat": self.stat,
            "revoke": self.revoke,
            "revoke_by_authid": self.revoke_by_authid,
            "my.list": self.my_list,
            "my.revoke": self.my_revoke,
            "my.revoke_others": self.my_revoke_others,
        }
        return {
            name: self._served(arguments.checked(procedure))
            for name, procedure in procedures.items()
        }

    # -- for the operator --------------------------------------------------------------------

    def list_cookies(
        self,
        authid: Any = None,
        authrealm: Any = None,
        limit: Any = 100,
        *,
        details: CallDetails | None = None,
    ) -> Any:
        """At most `limit` cookies, of `authid` and/or in `authrealm` if given."""
        authid = arguments.optional_name("authid", authid)
        authrealm = arguments.optional_name("authrealm", authrealm)
        return self._scan(authid, authrealm, arguments.limit(limit))

    @inlineCallbacks
    def get_cookie(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """One cookie, None where there is none."""
        cookie = yield self._tracker.find(arguments.an_id(id))
        return self._shown(cookie) if cookie else None

    @inlineCallbacks
    def count(
        self, authid: Any = None, authrealm: Any = None, *, details: CallDetails | None = None
    ) -> Any:
        """How many cookies there are, of `authid` and/or in `authrealm` if given."""
        authid = arguments.optional_name("authid", authid)
        authrealm = arguments.optional_name("authrealm", authrealm)
        if authid is None and authrealm is None:
            return (yield self.stat())["cookies"]
        return (yield self._tracker.count(authid, authrealm))

    @inlineCallbacks
    def stat(self, *, details: CallDetails | None = None) -> Any:
        """What the store says of itself, and how many cookies have a live connection here."""
        return (yield self._tracker.stat())

    @inlineCallbacks
    def revoke(self, id: Any, *, details: CallDetails | None = None) -> Any:
        """End a cookie, or a list of them."""
        ended = yield self._tracker.revoke(arguments.ids(id))
        return {"cookies": ended.cookies, "connections": ended.connections}

    def revoke_by_authid(
        self, authid: Any, authrealm: Any = None, *, details: CallDetails | None = None
    ) -> Any:
        """End every cookie of a user."""
        authid = arguments.name("authid", authid)
        return self._revoke_all(authid, arguments.optional_name("authrealm", authrealm))

    # -- for a user's own devices ------------------------------------------------------------

    @inlineCallbacks
    def my_list(self, *, details: CallDetails) -> Any:
        """The caller's cookies in this realm; `current` is the one that it calls with."""
        authid = self._caller(details)
        current = yield self._current(details)
        cookies = yield self._scan(authid, self.config.realm, 1000)
        return [{**cookie, "current": cookie["id"] == current} for cookie in cookies]

    @inlineCallbacks
    def my_revoke(self, id: Any, *, details: CallDetails) -> Any:
        """End one of the caller's cookies."""
        authid = self._caller(details)
        cookie = yield self._tracker.find(arguments.an_id(id))
        auth = cookie.auth if cookie else None
        if auth is None or (auth.authid, auth.authrealm) != (authid, self.config.realm):
            raise arguments.invalid(f"{id} is none of your devices")
        return (yield self.revoke(id))

    @inlineCallbacks
    def my_revoke_others(self, *, details: CallDetails) -> Any:
        """End all of the caller's cookies but the one that it calls with."""
        authid = self._caller(details)
        current = yield self._current(details)
        keep = frozenset([current] if current else [])
        return (yield self._revoke_all(authid, self.config.realm, keep))

    # -- helpers -----------------------------------------------------------------------------

    @property
    def _tracker(self) -> Tracker:
        trackers = list(self._stores.trackers().values())
        if options := self.config.extra.get("store"):
            return self._stores.tracker(options)
        if len(trackers) != 1:
            raise ApplicationError(
                NO_STORE,
                f'name the store in "extra": this worker has {len(trackers)} open',
            )
        return trackers[0]

    def _served(self, procedure: Callable[..., Any]) -> Callable[..., Any]:
        """`procedure`, whose callers do not read where the store is and what ails it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            return maybeDeferred(procedure, *args, **kwargs).addErrback(self._store_failed)

        return call

    def _store_failed(self, failure: Failure) -> None:
        failure.trap(CookieTrackError)
        self.log.error("a procedure failed: {cause}", cause=failure.value)
        raise ApplicationError(UNAVAILABLE, "the cookie store cannot answer now") from None

    def _caller(self, details: CallDetails) -> str:
        if not details.caller_authid:
            raise ApplicationError(
                NOT_DISCLOSED, 'the caller\'s role needs "disclose": {"caller": true} for this'
            )
        return details.caller_authid

    @inlineCallbacks
    def _current(self, details: CallDetails) -> Any:
        session = yield self.call("wamp.session.get", details.caller)
        return (session.get("transport") or {}).get("http_cbtid")

    @inlineCallbacks
    def _revoke_all(
        self, authid: str, authrealm: str | None, keep: frozenset[str] = frozenset()
    ) -> Any:
        ended = yield self._tracker.revoke_user(authid, authrealm, keep)
        return {"cookies": ended.cookies, "connections": ended.connections}

    @inlineCallbacks
    def _scan(self, authid: str | None, authrealm: str | None, limit: int) -> Any:
        found = yield self._tracker.scan(authid, authrealm, limit)
        return [self._shown(cookie) for cookie in found]

    def _shown(self, cookie: Cookie) -> dict[str, Any]:
        auth = cookie.auth
        return {
            "id": cookie.id,
            "created": cookie.created,
            "expires": cookie.expires,
            "seen": cookie.seen,
            "peer": cookie.peer,
            "user_agent": cookie.user_agent,
            "authid": auth and auth.authid,
            "authrole": auth and auth.authrole,
            "authmethod": auth and auth.authmethod,
            "authrealm": auth and auth.authrealm,
            "connections": self._tracker.connections_of(cookie.id),
        }

    def _publish(self, event: Event) -> None:
        if event.kind in PUBLISHED and self.is_attached():
            told = {"id": event.id, "authid": event.authid, "authrealm": event.authrealm}
            self.publish(f"cookietrack.on_{event.kind.value}", told)

    def onUserError(self, fail: Any, msg: Any) -> None:
        """What a caller did wrong is told to the caller; the log is for what goes wrong here."""
        if not isinstance(fail.value, ApplicationError):
            super().onUserError(fail, msg)

    def onLeave(self, details: Any) -> None:
        """Tell nobody any more."""
        for tracker in self._stores.trackers().values():
            tracker.events.unsubscribe(self._publish)
        super().onLeave(details)

"""Who joins, by what an authenticator accepts."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from attrs import evolve
from autobahn.wamp.types import Accept

from cookietrack_plugin.config.authextra import check_lifetime, without_lifetime
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.claimed import without_connection
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.extent import check_extent
from cookietrack_plugin.router.freshness import with_login_time, without_login_time
from cookietrack_plugin.tracking.connections import NO_LOGIN, TrackedConnection
from cookietrack_plugin.tracking.login import LoginRefused


class AcceptedLogins:
    """What becomes of an authenticator's `Accept` on one connection."""

    def __init__(self, cookies: RouterCookieStore, connection: TrackedConnection) -> None:
        self._cookies = cookies
        self._connection = connection

    def session_of(self, accept: Accept) -> Auth:
        """
        The session that joins: whose it is, when that user logged in, and the part of the authextra
        that outlives the connection.

        Takes the lifetime of the login out of the authextra of `accept`, as it is not for the
        client, and puts in the time of the login, which the session's details show.

        :raises LoginRefused: nobody joins.
        """
        session = _session_of(accept, self._cookies.tracker.clock.now())
        if accept.authprovider == "cookie":
            session = evolve(session, at=self._known_as(session).at)
        extra = without_lifetime(accept.authextra)
        accept.authextra = with_login_time(extra, session.at, self._cookies.settings.fresh_for)
        return session

    def is_stored(self, accept: Accept) -> bool:
        """Whether the login is stored with the cookie."""
        return (
            self._cookies.authenticates
            and accept.authprovider != "cookie"
            and accept.authmethod not in NO_LOGIN
        )

    def _known_as(self, session: Auth) -> Auth:
        """The login of the cookie, which is that of the session."""
        id = self._connection.id
        record = self._cookies.tracker.known(id, self._cookies.policy) if id else None
        auth = record.auth if record else None
        if auth is None or auth.identity != session.identity:
            raise LoginRefused("the cookie was ended during the login")
        return auth


def _session_of(accept: Accept, now: int) -> Auth:
    """:raises LoginRefused: the authextra is too much, or has something that is no lifetime."""
    try:
        check_extent(accept.authextra)
    except ValueError as error:
        raise LoginRefused(str(error)) from None
    try:
        check_lifetime(accept.authextra)
    except ValueError as error:
        raise LoginRefused(f"its authenticator is wrong: {error}") from None
    return Auth(
        accept.authid or "",
        accept.authrole or "",
        accept.authmethod or "",
        accept.realm or "",
        _lasting(accept.authextra),
        now,
    )


def _lasting(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The authextra without what describes the connection: Crossbar adds the peer's port."""
    return deepcopy(without_connection(without_login_time(extra))) or None

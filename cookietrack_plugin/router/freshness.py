"""
When a session's user last proved who it is, and whether that is recent enough to end sessions
(OWASP ASVS 7.5.2). The gate writes it into the session's authextra, where applications read it too.
"""

from collections.abc import Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError

from cookietrack_plugin.config.lifespan import SECOND

# Unix milliseconds: of the login, and until when it is fresh; the latter only with `fresh_for`.
LOGGED_IN = "cookietrack_logged_in"
FRESH_UNTIL = "cookietrack_fresh_until"
LOGIN_TOO_OLD = "cookietrack.error.login_too_old"


def with_login_time(
    extra: Mapping[str, Any] | None, at: int | None, fresh_for: int | None
) -> dict[str, Any]:
    """
    The authextra of a session, with nothing under our keys that its client has sent.

    :param at: when its user logged in, Unix milliseconds; None where that is not known.
    :param fresh_for: seconds for which a login is fresh; None for any time.
    """
    times: dict[str, Any] = {}
    if at is not None:
        times[LOGGED_IN] = at
    if fresh_for is not None:
        times[FRESH_UNTIL] = 0 if at is None else at + fresh_for * SECOND
    return {**without_login_time(extra), **times}


def without_login_time(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The authextra without our keys."""
    return {key: each for key, each in (extra or {}).items() if key not in (LOGGED_IN, FRESH_UNTIL)}


def freshness_of(session: Mapping[str, Any], now: int, is_asked: bool = False) -> dict[str, Any]:
    """
    What `cookietrack.my.freshness` answers: `logged_in`, Unix milliseconds, or None; `age`, seconds
    since then; `fresh`, or None where no `fresh_for` is configured. A login later than `now` is not
    fresh.

    :param session: as `wamp.session.get` has it.
    :param now: Unix milliseconds.
    :param is_asked: whether a transport has a `fresh_for`: a session whose login has no time, as it
        came from a transport that dates none, is not fresh then.
    """
    extra = session.get("authextra") or {}
    at, until = _time(extra.get(LOGGED_IN)), _time(extra.get(FRESH_UNTIL))
    fresh = None if until is None else at is not None and at <= now < until
    if at is None and is_asked:
        fresh = False
    return {
        "logged_in": at,
        "age": None if at is None else max(0, now - at) // SECOND,
        "fresh": fresh,
    }


def require_fresh(session: Mapping[str, Any], now: int, is_asked: bool = False) -> None:
    """:raises ApplicationError: the session's user has to prove again who it is."""
    if freshness_of(session, now, is_asked)["fresh"] is False:
        raise ApplicationError(LOGIN_TOO_OLD, "log in again to end sessions: your login is too old")


def _time(value: object) -> int | None:
    return value if type(value) is int else None

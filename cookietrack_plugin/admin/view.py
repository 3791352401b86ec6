"""A cookie's record as a person reads it, without its authextra."""

from collections.abc import Mapping
from typing import Any

from cookietrack_plugin.admin.text import absolute, relative
from cookietrack_plugin.record import Cookie, as_mapping

COLUMNS = ("ID", "AUTHID", "REALM", "ROLE", "CREATED", "SEEN", "EXPIRES", "PEER")
_NOBODY = "-"
_TIMES = frozenset({"logged_in", "created", "seen", "expires"})


def extra_of(cookie: Cookie) -> Mapping[str, Any] | None:
    """What the authenticator added to the login."""
    return cookie.auth.authextra if cookie.auth else None


def as_row(cookie: Cookie, now: int) -> tuple[str, ...]:
    """The cells under COLUMNS."""
    auth = cookie.auth
    who = (auth.authid, auth.authrealm, auth.authrole) if auth else (_NOBODY,) * 3
    return (
        cookie.id,
        *who,
        relative(cookie.created, now),
        relative(cookie.seen, now),
        relative(cookie.expires, now),
        cookie.peer or _NOBODY,
    )


def as_fields(cookie: Cookie, now: int) -> dict[str, str]:
    """Everything by name; times as a date and as a distance."""
    return {name: _as_text(name, value, now) for name, value in as_mapping(cookie).items()}


def _as_text(name: str, value: Any, now: int) -> str:
    if value is None:
        return _NOBODY
    return f"{absolute(value)} ({relative(value, now)})" if name in _TIMES else str(value)

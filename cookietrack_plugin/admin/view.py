"""A cookie's record as a program reads it, and as a person does. Never its authextra, unasked."""

from collections.abc import Mapping
from typing import Any

from cookietrack_plugin.admin.text import absolute, relative
from cookietrack_plugin.record import Cookie

COLUMNS = ("ID", "AUTHID", "REALM", "ROLE", "SEEN", "EXPIRES", "PEER")
_NOBODY = "-"


def as_data(cookie: Cookie) -> dict[str, Any]:
    """The record for JSON: times in Unix milliseconds, None for what is unknown."""
    auth = cookie.auth
    return {
        "id": cookie.id,
        "authid": auth and auth.authid,
        "authrole": auth and auth.authrole,
        "authmethod": auth and auth.authmethod,
        "authrealm": auth and auth.authrealm,
        "created": cookie.created,
        "seen": cookie.seen,
        "expires": cookie.expires,
        "peer": cookie.peer,
        "user_agent": cookie.user_agent,
    }


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
        relative(cookie.seen, now),
        relative(cookie.expires, now),
        cookie.peer or _NOBODY,
    )


def as_fields(cookie: Cookie, now: int) -> dict[str, str]:
    """Everything by name; times as a date and as a distance."""
    fields = {
        name: _NOBODY if value is None else str(value) for name, value in as_data(cookie).items()
    }
    for name in ("created", "seen", "expires"):
        moment = getattr(cookie, name)
        fields[name] = f"{absolute(moment)} ({relative(moment, now)})"
    return fields

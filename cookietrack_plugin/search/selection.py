"""Selections of records: the filters of the command, the procedures, and the console."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from attrs import fields, frozen

from cookietrack_plugin.config.proxies import UNIX, address_of
from cookietrack_plugin.record import Cookie, matches
from cookietrack_plugin.search.devicename import is_on
from cookietrack_plugin.stores.kit.wording import type_of

Network = IPv4Network | IPv6Network

# From the greatest to the least.
_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_SPAN = re.compile(rf"(\d{{1,9}})([{''.join(_UNITS_MS)}])", re.ASCII)


def span_ms(text: str) -> int:
    """
    The milliseconds of a length of time, such as `90s`, `30m`, `12h`, `7d` or `2w`.

    :raises ValueError: it is none.
    """
    if (found := _SPAN.fullmatch(text.lower())) is None:
        raise ValueError(f"expected a number with s, m, h, d or w, such as 12h, found {text!r}")
    return int(found[1]) * _UNITS_MS[found[2]]


def peers(text: str) -> Network | str:
    """
    A network, of one address or more, such as `192.0.2.7` or `2001:db8::/32`; or `unix`.

    :raises ValueError: it is none.
    """
    if text == UNIX:
        return text
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            "expected an address or a network, such as 192.0.2.7 or 2001:db8::/32, or"
            f" {UNIX}, found {text!r}"
        ) from None


@frozen
class Selection:
    """
    The filters that a record has to pass. None, and False for `anonymous`, is no filter.

    `device`: a part of the user agent, or of the device's name, in upper or lower case. `older`,
    `newer`: created at least, or less than, so many milliseconds ago. `idle`, `active`: last seen
    at least, or less than, so many milliseconds ago. `expired`: False for the records that have not
    expired, True for those that have.
    """

    authid: str | None = None
    authrealm: str | None = None
    authrole: str | None = None
    anonymous: bool = False
    peer: Network | str | None = None
    device: str | None = None
    older: int | None = None
    newer: int | None = None
    idle: int | None = None
    active: int | None = None
    expired: bool = False

    @property
    def user(self) -> tuple[str | None, str | None]:
        """The user that `ICookieStore.page` is asked for: stores have an index of authids alone."""
        return (self.authid, self.authrealm) if self.authid is not None else (None, None)

    def has(self, cookie: Cookie, now: int) -> bool:
        """
        Whether the record passes all filters. `now`: Unix milliseconds. With `device`, on a thread
        where `device_name` may be called.
        """
        return (
            (cookie.expires <= now) == self.expired
            and matches(cookie.auth, self.authid, self.authrealm)
            and not (self.anonymous and cookie.auth)
            and (self.authrole is None or _has_role(cookie, self.authrole))
            and (self.peer is None or _is_of(cookie.peer, self.peer))
            and (self.device is None or is_on(cookie.user_agent, self.device))
            and _is_within(now - cookie.created, self.older, self.newer)
            and _is_within(now - cookie.seen, self.idle, self.active)
        )

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> "Selection":
        """
        The selection that a request asks for.

        :param given: texts by the names of the attributes; True or False for flags; None is no
            filter.
        :raises ValueError: the message names the filter, and says what was expected and found.
        """
        return cls(**{name: _parsed(name, value) for name, value in given.items()})

    def texts(self) -> dict[str, str | bool]:
        """The mapping of which `parse` makes the same selection, with its filters alone."""
        values = ((each.name, getattr(self, each.name)) for each in fields(type(self)))
        return {
            name: _text(value) for name, value in values if value is not None and value is not False
        }


def _has_role(cookie: Cookie, authrole: str) -> bool:
    return cookie.auth is not None and cookie.auth.authrole == authrole


def _is_within(age: int, least: int | None, most: int | None) -> bool:
    return (least is None or age >= least) and (most is None or age < most)


def _is_of(peer: str | None, wanted: Network | str) -> bool:
    if peer is None or isinstance(wanted, str):
        return peer is not None and peer.partition(":")[0] == wanted
    address = address_of(peer)
    return address is not None and address in wanted


def _name(text: str) -> str:
    if not text:
        raise ValueError('expected a string that is not empty, found ""')
    return text


_FLAGS = ("anonymous", "expired")
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("authid", "authrealm", "authrole", "device"), _name),
    "peer": peers,
    **dict.fromkeys(("older", "newer", "idle", "active"), span_ms),
}


def _parsed(name: str, value: object) -> Any:
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: expected true or false, found {type_of(value)}")
        return value
    if name not in _PARSERS:
        raise ValueError(f"expected one of {', '.join([*_PARSERS, *_FLAGS])}, found {name!r}")
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a string, found {type_of(value)}")
    try:
        return _PARSERS[name](value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _text(value: object) -> str | bool:
    if isinstance(value, bool):
        return value
    return _span(value) if isinstance(value, int) else str(value)


def _span(span: int) -> str:
    """In the greatest unit that divides it, so that there are no more digits than were given."""
    unit = next(each for each, length in _UNITS_MS.items() if span % length == 0)
    return f"{span // _UNITS_MS[unit]}{unit}"

"""The `cookie` item of a transport: checked, with its defaults, the same for check and start."""

import json
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import field, fields, frozen

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError

TEN_YEARS = 10 * 365 * 86400
ON_FAILURE = ("deny", "anonymous")
SAME_SITE = ("Strict", "Lax", "None")


def _integer(low: int, high: int, unit: str = "") -> Callable[..., None]:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise _wrong(attribute.name, value, f"an integer from {low} to {high}{unit}")

    return check


def _lifetime(_: Any, attribute: Any, value: Any) -> None:
    if value is not None:
        _integer(1, TEN_YEARS, " seconds")(_, attribute, value)


def _on_failure(_: Any, attribute: Any, value: Any) -> None:
    if value not in ON_FAILURE:
        raise _wrong(attribute.name, value, f"one of {', '.join(map(repr, ON_FAILURE))}")


def _boolean(_: Any, attribute: Any, value: Any) -> None:
    if type(value) is not bool:
        raise _wrong(attribute.name, value, "true or false")


def _cookie_name(_: Any, attribute: Any, value: Any) -> None:
    pattern = "^[a-z][a-z0-9_]+$"
    if not isinstance(value, str) or not re.fullmatch(pattern[1:-1], value):
        raise _wrong(attribute.name, value, f"a string that matches {pattern}")


def _same_site(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and value not in SAME_SITE:
        raise _wrong(attribute.name, value, f"one of {', '.join(map(repr, SAME_SITE))}")


def _store(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(
            attribute.name, value, 'a dictionary such as {"type": "lmdb", "path": ".cookies"}'
        )
    if not isinstance(store_type := value.get("type", _MISSING), str):
        raise _wrong("store.type", store_type, "the name of a store type, such as 'lmdb'")


_MISSING = object()


def _wrong(name: str, found: Any, allowed: str) -> ConfigError:
    seen = "it is missing" if found is _MISSING else f"found {json.dumps(found, default=repr)}"
    return ConfigError(
        f"invalid attribute {name!r} in the cookie item: {seen}, allowed is {allowed}"
    )


@frozen
class CookieSettings:
    """
    The cookie item. Keys, ranges and meaning are Crossbar's; where it has no key, the default keeps
    Crossbar's behaviour.

    Ours are `idle_timeout` (seconds), `rolling`, `absolute_max_age` (seconds), `rotate` and
    `max_pending`: see `Policy`. `on_failure`: while the store does not answer, `deny` a handshake
    with HTTP 503, or let the client in as `anonymous`: neither tracked nor known by its cookie.

    `name`: of the cookie. `length`: of its secret value, in characters of 6 bits. `max_age`:
    lifetime in seconds, enforced by the server too. `secure`, `http_strict`, `same_site`:
    attributes of Set-Cookie. `store`: the store's own item.
    """

    name: str = field(default="cbtid", validator=_cookie_name)
    length: int = field(default=24, validator=_integer(6, 64))
    max_age: int = field(default=86400, validator=_integer(1, TEN_YEARS, " seconds"))
    store: Mapping[str, Any] = field(factory=lambda: {"type": "memory"}, validator=_store)
    secure: bool = field(default=False, validator=_boolean)
    http_strict: bool = field(default=False, validator=_boolean)
    same_site: str | None = field(default=None, validator=_same_site)
    max_pending: int = field(default=10_000, validator=_integer(1, 10_000_000, " writes"))
    idle_timeout: int | None = field(default=None, validator=_lifetime)
    rolling: bool = field(default=False, validator=_boolean)
    absolute_max_age: int | None = field(default=None, validator=_lifetime)
    rotate: bool = field(default=True, validator=_boolean)
    on_failure: str = field(default="deny", validator=_on_failure)

    def __attrs_post_init__(self) -> None:
        if self.absolute_max_age is None:
            return
        if not self.rolling:
            raise ConfigError(
                "attribute 'absolute_max_age' in the cookie item bounds what 'rolling' adds:"
                " without \"rolling\": true, 'max_age' is absolute already"
            )
        if self.absolute_max_age < self.max_age:
            raise _wrong("absolute_max_age", self.absolute_max_age, "at least 'max_age'")

    def policy(self, offers_login: bool) -> Policy:
        """What a transport with this item demands; `offers_login`: by any method but anonymous."""
        return Policy(
            self.max_age,
            self.idle_timeout,
            self.rolling,
            self.absolute_max_age,
            self.rotate and offers_login,
            self.max_pending,
        )

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "CookieSettings":
        """
        Read a `cookie` item; the store's options beyond its type are not looked at.

        :raises ConfigError: naming the attribute, what was found, and what is allowed.
        """
        if not isinstance(item, Mapping):
            raise ConfigError(f"the cookie item must be a dictionary, found {item!r}")
        known = [attribute.name for attribute in fields(cls)]
        for key in item:
            if key not in known:
                raise ConfigError(_unknown_attribute(key, known))
        return cls(**item)


def _unknown_attribute(key: str, known: list[str]) -> str:
    close = get_close_matches(str(key), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"unknown attribute {key!r} in the cookie item: allowed are {', '.join(known)}.{hint}"


def check_cookie_item(item: Mapping[str, Any]) -> None:
    """
    Check a `cookie` item and, by its provider, the `store` in it. Opens nothing.

    :raises ConfigError: with one message that names what is wrong.
    """
    settings = CookieSettings.of(item)
    find_provider(settings.store["type"]).check(settings.store)

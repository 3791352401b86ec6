"""The `cookie` item of a transport: checked, with its defaults, the same for check and start."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, field, fields, frozen
from attrs.validators import optional

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import (
    MISSING,
    type_of,
    unknown_attribute,
    wrong_type,
    wrong_value,
)

TEN_YEARS_S = 10 * 365 * 86400
PLACE = "the cookie item"
_NAME = re.compile("[a-z][a-z0-9_]+")

# Called by attrs with the instance, the attribute, and its value.
Validator = Callable[[Any, "Attribute[Any]", Any], None]


def _integer(low: int, high: int, unit: str = "") -> Validator:
    expected = f"an integer from {low} to {high}{unit}"

    def check(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if type(value) is not int:
            raise wrong_type(attribute.name, PLACE, expected, value)
        if not low <= value <= high:
            raise wrong_value(attribute.name, PLACE, expected, value)

    return check


def _one_of(*values: str) -> Validator:
    expected = "one of " + ", ".join(f'"{each}"' for each in values)

    def check(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if not isinstance(value, str):
            raise wrong_type(attribute.name, PLACE, expected, value)
        if value not in values:
            raise wrong_value(attribute.name, PLACE, expected, value)

    return check


def _boolean(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if type(value) is not bool:
        raise wrong_type(attribute.name, PLACE, "true or false", value)


def _cookie_name(_: object, attribute: "Attribute[Any]", value: object) -> None:
    expected = f"a string that matches ^{_NAME.pattern}$"
    if not isinstance(value, str):
        raise wrong_type(attribute.name, PLACE, expected, value)
    if not _NAME.fullmatch(value):
        raise wrong_value(attribute.name, PLACE, expected, value)


def _store(_: object, attribute: "Attribute[Any]", value: object) -> None:
    check_store_item(value, attribute.name, PLACE)


def check_store_item(item: object, attribute: str, place: str) -> None:
    """
    Check that `item` is a mapping with a type; its other options are not looked at.

    :param attribute, place: where it was found, for the message.
    :raises ConfigError: naming the attribute, what was expected, and what was found.
    """
    if not isinstance(item, Mapping):
        example = 'a mapping such as {"type": "lmdb", "path": ".cookies"}'
        raise wrong_type(attribute, place, example, item)
    if not isinstance(store_type := item.get("type", MISSING), str):
        name = 'the name of a store type, such as "lmdb"'
        raise wrong_type(f"{attribute}.type", place, name, store_type)


_lifetime = optional(_integer(1, TEN_YEARS_S, " seconds"))
_same_site = optional(_one_of("Strict", "Lax", "None"))


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
    max_age: int = field(default=86400, validator=_integer(1, TEN_YEARS_S, " seconds"))
    store: Mapping[str, Any] = field(factory=lambda: {"type": "memory"}, validator=_store)
    secure: bool = field(default=False, validator=_boolean)
    http_strict: bool = field(default=False, validator=_boolean)
    same_site: str | None = field(default=None, validator=_same_site)
    max_pending: int = field(default=10_000, validator=_integer(1, 10_000_000, " writes"))
    idle_timeout: int | None = field(default=None, validator=_lifetime)
    rolling: bool = field(default=False, validator=_boolean)
    absolute_max_age: int | None = field(default=None, validator=_lifetime)
    rotate: bool = field(default=True, validator=_boolean)
    on_failure: str = field(default="deny", validator=_one_of("deny", "anonymous"))

    def __attrs_post_init__(self) -> None:
        if self.absolute_max_age is None:
            return
        if not self.rolling:
            expected = 'nothing without "rolling": true, as "max_age" is absolute already'
        elif self.absolute_max_age < self.max_age:
            expected = f'"max_age", {self.max_age}, or more'
        else:
            return
        raise wrong_value("absolute_max_age", PLACE, expected, self.absolute_max_age)

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

        :raises ConfigError: naming the attribute, what was expected, and what was found.
        """
        if not isinstance(item, Mapping):
            raise ConfigError(f"{PLACE}: expected a mapping, found {type_of(item)}")
        known = [attribute.name for attribute in fields(cls)]
        for key in item:
            if key not in known:
                raise unknown_attribute(key, PLACE, known)
        return cls(**item)


def check_cookie_item(item: Mapping[str, Any]) -> None:
    """
    Check a `cookie` item and, by its provider, the `store` in it. Opens nothing.

    :raises ConfigError: with one message that names what is wrong.
    """
    settings = CookieSettings.of(item)
    find_provider(settings.store["type"]).check(settings.store)

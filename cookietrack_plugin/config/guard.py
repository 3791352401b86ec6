"""The item of a `cookietrack-guard` path service: checked, with its defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, fields, frozen

from cookietrack_plugin.config.guardvalues import (
    CACHE,
    CSRF,
    HEADER,
    LOGOUT,
    NAMES,
    ORIGINS,
    PLACE,
    REDIRECT,
    Flag,
    Item,
    Mapped,
)
from cookietrack_plugin.config.pathservice import KEYS
from cookietrack_plugin.config.registry import find_provider, keeps_records
from cookietrack_plugin.config.settings import CookieSettings, check_cookie_item
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import (
    MISSING,
    naming,
    type_of,
    unknown_attribute,
    wrong,
    wrong_type,
    wrong_value,
)

GUARD = "cookietrack-guard"
# Headers that carry who a request is from, by the field of the identity.
IDENTITY_HEADERS: Mapping[str, str] = {
    "authid": "X-Cookietrack-Authid",
    "authrole": "X-Cookietrack-Authrole",
    "authrealm": "X-Cookietrack-Authrealm",
    "id": "X-Cookietrack-Id",
}
# What cannot stand behind a guard, and why.
OUTSIDE: Mapping[str, str] = {
    "websocket": 'a WebSocket has "cookie" and "auth" items of its own',
    "websocket-reverseproxy": "a WebSocket outlives the request that the guard lets in",
    "longpoll": "its sessions outlive the requests that the guard lets in",
}
# Services that make calls, with a role of their own.
BRIDGES = ("publisher", "caller", "webhook")


@frozen
class Behind(Item):
    """The item of a path service that can stand behind a guard; Crossbar checks the rest."""

    def check(self, name: str, value: object) -> None:
        super().check(name, value)
        assert isinstance(value, Mapping)
        if not isinstance(service_type := value.get("type", MISSING), str):
            raise wrong_type(f"{name}.type", PLACE, "the type of a service", service_type)
        _require_behind(value, name)


@frozen
class Headers(Mapped):
    """Names of headers, no two the same."""

    def check(self, name: str, value: object) -> None:
        super().check(name, value)
        assert isinstance(value, Mapping)
        names = [each.lower() for each in {**IDENTITY_HEADERS, **value}.values()]
        if len(set(names)) < len(names):
            raise wrong(name, PLACE, "a header for each field", "one for two of them")


_cookie = Item("the WebSocket's cookie item")
_service = Behind('the item of a path service, such as {"type": "static", "directory": "web"}')
_allow = Mapped(dict.fromkeys(("roles", "authids", "realms"), NAMES))
_headers = Headers(dict.fromkeys(IDENTITY_HEADERS, HEADER))


def _require_behind(service: Mapping[str, Any], place: str) -> None:
    """
    :raises ConfigError: a service in it cannot stand behind a guard, at any depth.
    """
    kind = service.get("type")
    if reason := OUTSIDE.get(str(kind)):
        raise wrong(
            f"{place}.type", PLACE, "a service that answers requests", f'"{kind}": {reason}'
        )
    nested = service.get("paths") if kind == "path" else None
    for path, item in nested.items() if isinstance(nested, Mapping) else ():
        if isinstance(item, Mapping):
            _require_behind(item, f"{place}.paths.{path}")
    if kind == GUARD and isinstance(inner := service.get("path"), Mapping):
        _require_behind(inner, f"{place}.path")


@frozen
class GuardSettings:
    """
    The guard's item.

    `cookie`: that of the WebSocket on which users log in. `path`: the item of the service behind.
    `allow`: whom of those who are logged in; all of `roles`, `authids` and `realms` that are given
    have to match. `denied`: where browsers are sent instead of 401, its `redirect`. `headers`: the
    names of the headers that carry the identity. `csrf`: "off" lets other sites' pages change
    things. `cache`: the Cache-Control header in place of the service's. `cors`: origins whose pages
    may read answers, and change things. `logout`: the path below the guard's own where a POST ends
    the session. `clear_site_data`: the answer to that asks the browser to forget its cookies.
    """

    cookie: Mapping[str, Any] = field(validator=_cookie)
    path: Mapping[str, Any] = field(validator=_service)
    allow: Mapping[str, Sequence[str]] = field(factory=dict, validator=_allow)
    denied: Mapping[str, str] = field(factory=dict, validator=Mapped({"redirect": REDIRECT}))
    headers: Mapping[str, str] = field(factory=dict, validator=_headers)
    csrf: str = field(default="on", validator=CSRF)
    cache: str | None = field(default="private, no-cache", validator=CACHE)
    cors: Sequence[str] = field(default=(), validator=ORIGINS)
    logout: str | None = field(default=None, validator=LOGOUT)
    clear_site_data: bool = field(default=False, validator=Flag())

    def __attrs_post_init__(self) -> None:
        if self.clear_site_data and self.logout is None:
            raise wrong_value("clear_site_data", PLACE, 'nothing without "logout"', True)

    @property
    def names(self) -> Mapping[str, str]:
        """The header of each field of the identity."""
        return {**IDENTITY_HEADERS, **self.headers}

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "GuardSettings":
        """
        Read a guard's item; the service behind it and the store are looked at by others.

        :raises ConfigError: naming the attribute, what was expected, and what was found.
        """
        if not isinstance(item, Mapping):
            raise ConfigError(f"{PLACE}: expected a mapping, found {type_of(item)}")
        known = [attribute.name for attribute in fields(cls)]
        for key in item:
            if key not in (*known, *KEYS):
                raise unknown_attribute(key, PLACE, known)
        for key in KEYS.keys() & item.keys():
            if not isinstance(item[key], str):
                raise wrong_type(key, PLACE, "a string", item[key])
        for key, what in (("cookie", _cookie), ("path", _service)):
            if key not in item:
                raise wrong_type(key, PLACE, what.expected, MISSING)
        return cls(**{key: value for key, value in item.items() if key in known})


def check_guard_item(item: Mapping[str, Any]) -> GuardSettings:
    """
    Check a guard's item with its `cookie`. Opens nothing.

    :raises ConfigError: with one message that names what is wrong.
    """
    settings = GuardSettings.of(item)
    with naming(PLACE):
        check_cookie_item(settings.cookie)
        store_type = CookieSettings.of(settings.cookie).store["type"]
        if not keeps_records(find_provider(store_type)):
            expected = "a type whose cookies this plugin tracks"
            raise wrong("store.type", PLACE, expected, f'"{store_type}"')
    return settings

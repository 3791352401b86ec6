"""The item of a `cookietrack-guard` path service: checked, with its defaults."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, field, fields, frozen

from cookietrack_plugin.config.origin import origin_of
from cookietrack_plugin.config.registry import find_provider, keeps_records
from cookietrack_plugin.config.settings import CookieSettings, check_cookie_item
from cookietrack_plugin.config.validators import Boolean
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
PLACE = "the guard item"
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
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_TEXT = re.compile(r"[ -~]+")
_URL = re.compile(r"[!-~]+")
_LOGOUT = re.compile(r"/[A-Za-z0-9._~-]+")
# Headers that mean something else to those who read them.
_TAKEN = re.compile(
    r"(host|cookie|set-cookie|connection|expect|upgrade|te|trailer|date|accept|authorization"
    r"|origin|referer|range|(content|transfer|sec|proxy|access-control|if|accept|x-forwarded)-.*"
    r"|forwarded|user-agent|keep-alive)",
    re.IGNORECASE,
)

Validator = Callable[[Any, "Attribute[Any]", Any], None]


def _mapping_of(known: Sequence[str], check: Callable[[str, object], None]) -> Validator:
    """A mapping with some of the `known` keys, whose values are checked by name."""

    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if not isinstance(value, Mapping):
            raise wrong_type(attribute.name, PLACE, "a mapping", value)
        for key, item in value.items():
            if key not in known:
                raise unknown_attribute(key, f'"{attribute.name}" in {PLACE}', known)
            check(f"{attribute.name}.{key}", item)

    return validate


def _names(attribute: str, value: object) -> None:
    expected = "a list of one name or more"
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise wrong_type(attribute, PLACE, expected, value)
    if not value:
        raise wrong(attribute, PLACE, expected, "an empty list, which lets nobody in")
    for name in value:
        if not isinstance(name, str):
            raise wrong_type(attribute, PLACE, expected, name)


def _header_name(attribute: str, value: object) -> None:
    expected = "the name of a header, such as X-Remote-User"
    if not isinstance(value, str):
        raise wrong_type(attribute, PLACE, expected, value)
    if not _TOKEN.fullmatch(value) or _TAKEN.fullmatch(value):
        raise wrong_value(attribute, PLACE, expected, value)


def _redirect(attribute: str, value: object) -> None:
    expected = "a path or an http(s) URL, with {path} for where to come back to"
    if not isinstance(value, str):
        raise wrong_type(attribute, PLACE, expected, value)
    url = value.replace("{path}", "path")
    is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
    is_url = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    # Where somebody is sent to, a client must not decide.
    origin = value.partition("?")[0].partition("#")[0]
    if not _URL.fullmatch(url) or not (is_path or is_url) or "{" in url or "{" in origin:
        raise wrong_value(attribute, PLACE, expected, value)


def _headers(_: object, attribute: "Attribute[Any]", value: Mapping[str, str]) -> None:
    _mapping_of(tuple(IDENTITY_HEADERS), _header_name)(_, attribute, value)
    names = [name.lower() for name in {**IDENTITY_HEADERS, **value}.values()]
    if len(set(names)) < len(names):
        raise wrong(attribute.name, PLACE, "a header for each field", "one for two of them")


def _cache(_: object, attribute: "Attribute[Any]", value: object) -> None:
    expected = "a Cache-Control header, or null for the service's own"
    if value is not None:
        _check_text(attribute.name, expected, value, _TEXT.fullmatch)


def _cors(_: object, attribute: "Attribute[Any]", value: object) -> None:
    expected = 'a list of origins, such as ["https://app.example.com"]'
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise wrong_type(attribute.name, PLACE, expected, value)
    for origin in value:
        if not isinstance(origin, str):
            raise wrong_type(attribute.name, PLACE, expected, origin)
        if origin_of(origin) != origin:
            raise wrong_value(attribute.name, PLACE, expected, origin)


def _csrf(_: object, attribute: "Attribute[Any]", value: object) -> None:
    _check_text(attribute.name, '"on" or "off"', value, ("on", "off").__contains__)


def _logout(_: object, attribute: "Attribute[Any]", value: object) -> None:
    expected = 'a path of one part below the guard\'s own, such as "/logout"'
    if value is not None:
        _check_text(attribute.name, expected, value, _is_logout)


def _is_logout(path: str) -> bool:
    return _LOGOUT.fullmatch(path) is not None and not set(path) <= {"/", "."}


def _check_text(name: str, expected: str, value: object, fits: Callable[[str], object]) -> None:
    if not isinstance(value, str):
        raise wrong_type(name, PLACE, expected, value)
    if not fits(value):
        raise wrong_value(name, PLACE, expected, value)


_boolean = Boolean(PLACE)


def _cookie(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if not isinstance(value, Mapping):
        raise wrong_type(attribute.name, PLACE, "the WebSocket's cookie item", value)


def _service(_: object, attribute: "Attribute[Any]", value: object) -> None:
    expected = 'the item of a path service, such as {"type": "static", "directory": "web"}'
    if not isinstance(value, Mapping):
        raise wrong_type(attribute.name, PLACE, expected, value)
    if not isinstance(service_type := value.get("type", MISSING), str):
        raise wrong_type(f"{attribute.name}.type", PLACE, "the type of a service", service_type)
    _require_behind(value, attribute.name)


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
    allow: Mapping[str, Sequence[str]] = field(
        factory=dict, validator=_mapping_of(("roles", "authids", "realms"), _names)
    )
    denied: Mapping[str, str] = field(factory=dict, validator=_mapping_of(("redirect",), _redirect))
    headers: Mapping[str, str] = field(factory=dict, validator=_headers)
    csrf: str = field(default="on", validator=_csrf)
    cache: str | None = field(default="private, no-cache", validator=_cache)
    cors: Sequence[str] = field(default=(), validator=_cors)
    logout: str | None = field(default=None, validator=_logout)
    clear_site_data: bool = field(default=False, validator=_boolean)

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
            if key not in (*known, "type", "id"):
                raise unknown_attribute(key, PLACE, known)
        for key, what in (("cookie", "the WebSocket's cookie item"), ("path", "a path service")):
            if key not in item:
                raise wrong_type(key, PLACE, what, MISSING)
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

"""What the values in a guard's item may be: one source for its check and for the reference."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, frozen

from cookietrack_plugin.config.origin import origin_of
from cookietrack_plugin.stores.kit.wording import unknown_attribute, wrong, wrong_type, wrong_value

PLACE = "the guard item"
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


class Value:
    """A validator for attrs. `expected`: what a value may be, as messages and the reference say."""

    expected: str

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        self.check(attribute.name, value)

    def check(self, name: str, value: object) -> None:
        """
        :raises ConfigError: naming the attribute, what was expected, and what was found.
        """
        raise NotImplementedError


@frozen
class Text(Value):
    """A string that `fits`; with `or_null` also null."""

    expected: str
    fits: Callable[[str], object]
    or_null: bool = False

    def check(self, name: str, value: object) -> None:
        if value is None and self.or_null:
            return
        if not isinstance(value, str):
            raise wrong_type(name, PLACE, self.expected, value)
        if not self.fits(value):
            raise wrong_value(name, PLACE, self.expected, value)


@frozen
class Texts(Value):
    """A list of strings that `fits`. `empty`: what an empty one is, if it is refused."""

    expected: str
    fits: Callable[[str], object] = lambda _: True
    empty: str | None = None

    def check(self, name: str, value: object) -> None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise wrong_type(name, PLACE, self.expected, value)
        if not value and self.empty:
            raise wrong(name, PLACE, self.expected, self.empty)
        for each in value:
            Text(self.expected, self.fits).check(name, each)


@frozen
class Flag(Value):
    """True or false."""

    expected: str = "true or false"

    def check(self, name: str, value: object) -> None:
        if type(value) is not bool:
            raise wrong_type(name, PLACE, self.expected, value)


@frozen
class Item(Value):
    """A mapping whose keys are looked at elsewhere."""

    expected: str

    def check(self, name: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise wrong_type(name, PLACE, self.expected, value)


@frozen
class Mapped(Value):
    """A mapping with some of these keys."""

    values: Mapping[str, Value]
    expected: str = "a mapping"

    def check(self, name: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise wrong_type(name, PLACE, self.expected, value)
        for key, item in value.items():
            if key not in self.values:
                raise unknown_attribute(key, f'"{name}" in {PLACE}', self.values)
            self.values[key].check(f"{name}.{key}", item)


def _is_header_name(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None and not _TAKEN.fullmatch(value)


def _is_redirect(value: str) -> bool:
    url = value.replace("{path}", "path")
    is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
    is_url = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    # Where somebody is sent to, a client must not decide.
    origin = value.partition("?")[0].partition("#")[0]
    is_open = "{" in url or "{" in origin
    return _URL.fullmatch(url) is not None and (is_path or is_url) and not is_open


def _is_logout(path: str) -> bool:
    return _LOGOUT.fullmatch(path) is not None and not set(path) <= {"/", "."}


NAMES = Texts("a list of one name or more", empty="an empty list, which lets nobody in")
HEADER = Text("the name of a header, such as X-Remote-User", _is_header_name)
REDIRECT = Text(
    "a path or an http(s) URL, with {path} for where to come back to",
    _is_redirect,
)
CSRF = Text('"on" or "off"', ("on", "off").__contains__)
CACHE = Text("a Cache-Control header, or null for the service's own", _TEXT.fullmatch, True)
ORIGINS = Texts(
    'a list of origins, such as ["https://app.example.com"]',
    lambda origin: origin_of(origin) == origin,
)
LOGOUT = Text(
    'a path of one part below the guard\'s own, such as "/logout"',
    _is_logout,
    or_null=True,
)

"""The check of a `store` item's attributes: presence, types, limits, and none that nobody reads."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit import wording

PLACE = "the store item"
TIMEOUT_S = 5.0
MIN_TIMEOUT_S = 0.1
MAX_TIMEOUT_S = 3600
_NOT_EMPTY = "a string that is not empty"
_DESCRIPTIONS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}


@frozen
class Option:
    """
    One option of a store type, declared once for its check, the code that reads it, and the
    reference.

    `meaning`: what it is for. `kind`: its type, as `check_options` names it. `default`: its value
    where it is left out; MISSING if it has to be there.
    """

    meaning: str
    kind: type = str
    default: Any = wording.MISSING

    @property
    def is_required(self) -> bool:
        """Whether an item must have it."""
        return self.default is wording.MISSING

    @property
    def expected(self) -> str:
        """What it may be, as a message says it."""
        is_name = self.kind is str and self.is_required
        return _NOT_EMPTY if is_name else _DESCRIPTIONS[self.kind]

    def check(self, name: str, found: Any) -> None:
        """
        Check a value of the right type.

        :raises ConfigError: naming the option, what was expected, and what was found.
        """


@frozen
class Number(Option):
    """From `low` to `high`, None for any number above; `noun` is what messages call it."""

    kind: type = int
    low: float = field(default=0, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    noun: str = field(default="an integer", kw_only=True)

    @property
    def expected(self) -> str:
        return f"{self.noun} from {self.low} {'on' if self.high is None else f'to {self.high}'}"

    def check(self, name: str, found: Any) -> None:
        # Written so that NaN is refused, too.
        if not (found >= self.low and (self.high is None or found <= self.high)):
            raise wrong_option(name, found, self.expected)


@frozen
class Text(Option):
    """A string that `pattern` matches as a whole, which `described` says in words."""

    pattern: "re.Pattern[str]" = field(kw_only=True)
    described: str = field(kw_only=True)

    @property
    def expected(self) -> str:
        return self.described

    def check(self, name: str, found: Any) -> None:
        if not self.pattern.fullmatch(found):
            raise wrong_option(name, found, self.expected)


class Options:
    """
    The options of a store type, by name: `Options(path=Option("the directory"))`. A provider that
    has them as its `options` is described by them in the reference.
    """

    def __init__(self, **by_name: Option) -> None:
        self.by_name: Mapping[str, Option] = by_name

    def check(self, item: Mapping[str, Any]) -> None:
        """
        Check a `store` item with `check_options`, then the limits of what is in it.

        :raises ConfigError: naming the first wrong attribute, what was expected, and what was
            found.
        """
        by_name = self.by_name.items()
        check_options(
            item,
            required={name: option.kind for name, option in by_name if option.is_required},
            optional={name: option.kind for name, option in by_name if not option.is_required},
        )
        for name, option in by_name:
            if name in item:
                option.check(name, item[name])

    def value(self, item: Mapping[str, Any], name: str) -> Any:
        """The value of an option in an item that was checked, or its default."""
        return item.get(name, self.by_name[name].default)


def check_options(
    options: Mapping[str, Any],
    required: Mapping[str, type] | None = None,
    optional: Mapping[str, type] | None = None,
) -> None:
    """
    Check a `store` item: all `required` attributes, any of the `optional` ones, `type`, no others.

    :param required: the type of each attribute that must be there; a string must not be empty. No
        string may have a NUL in it.
    :param optional: the type of each attribute that may be there. In both: str, bool, int (true is
        none), float (an integer is one), list or dict.
    :raises ConfigError: naming the first wrong attribute, what was expected, and what was found.
    """
    required = required or {}
    known = {"type": str, **required, **(optional or {})}
    for attribute, found in options.items():
        if attribute not in known:
            raise unknown_option(attribute, known)
        if not _is(found, known[attribute]):
            raise wording.wrong_type(attribute, PLACE, _DESCRIPTIONS[known[attribute]], found)
        if isinstance(found, str) and "\0" in found:
            # No path, server or database takes one.
            raise wrong_option(attribute, found, "a string without NUL")
    for attribute, kind in required.items():
        if attribute not in options:
            raise wording.wrong_type(attribute, PLACE, _DESCRIPTIONS[kind], wording.MISSING)
        if options[attribute] == "":
            raise wrong_option(attribute, "", _NOT_EMPTY)


def timeout_of(options: Mapping[str, Any]) -> float:
    """
    The seconds in the option `timeout` of a store on a server: `TIMEOUT_S` where it is not set.

    :param options: a `store` item that `check_options` has accepted.
    :raises ConfigError: it is not from `MIN_TIMEOUT_S` to `MAX_TIMEOUT_S`.
    """
    option = timeout_option("")
    seconds: float = options.get("timeout", option.default)
    option.check("timeout", seconds)
    return seconds


def timeout_option(meaning: str) -> Number:
    """The option `timeout` of a store on a server, for its `Options`."""
    return Number(
        meaning,
        kind=float,
        default=TIMEOUT_S,
        low=MIN_TIMEOUT_S,
        high=MAX_TIMEOUT_S,
        noun="a number of seconds",
    )


def wrong_option(attribute: str, found: object, expected: str) -> ConfigError:
    """
    The error for an attribute whose value is not allowed.

    :param found: shown if it is a number, a string or a boolean, without what is secret in a URL;
        of others only the type.
    :param expected: a noun phrase, such as "an integer from 1 to 65535".
    """
    return wording.wrong_value(attribute, PLACE, expected, found)


def wrong_url(found: str, expected: str) -> ConfigError:
    """
    The error for a `url` that cannot be used.

    :param found: what is wrong with it, such as "no host"; nothing of a password.
    :param expected: a noun phrase, such as "one of redis, rediss".
    """
    return wording.wrong("url", PLACE, expected, found)


def unknown_option(attribute: object, known: Iterable[str]) -> ConfigError:
    """The error for an attribute that the store does not know, with the nearest that it does."""
    return wording.unknown_attribute(attribute, PLACE, sorted(known))


def _is(found: object, kind: type) -> bool:
    if isinstance(found, bool):
        return kind is bool
    return isinstance(found, Mapping if kind is dict else (int, float) if kind is float else kind)

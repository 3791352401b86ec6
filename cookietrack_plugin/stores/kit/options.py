"""The check of a `store` item's attributes: presence, types, and no attribute that nobody reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit import wording

PLACE = "the store item"
TIMEOUT_S = 5.0
MIN_TIMEOUT_S = 0.1
MAX_TIMEOUT_S = 3600
_DESCRIPTIONS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}


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
            raise wrong_option(attribute, "", "a string that is not empty")


def timeout_of(options: Mapping[str, Any]) -> float:
    """
    The seconds in the option `timeout` of a store on a server: `TIMEOUT_S` where it is not set.

    :param options: a `store` item that `check_options` has accepted.
    :raises ConfigError: it is not from `MIN_TIMEOUT_S` to `MAX_TIMEOUT_S`.
    """
    seconds = options.get("timeout", TIMEOUT_S)
    if not MIN_TIMEOUT_S <= seconds <= MAX_TIMEOUT_S:
        expected = f"a number of seconds from {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S}"
        raise wrong_option("timeout", seconds, expected)
    return seconds


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

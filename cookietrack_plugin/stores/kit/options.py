"""The check of a `store` item's attributes: presence, types, and no attribute that nobody reads."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from cookietrack_plugin.errors import ConfigError

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

    :param required: the type of each attribute that must be there; a string must not be empty.
    :param optional: the type of each attribute that may be there. In both: str, bool, int (true is
        none), float (an integer is one), list or dict.
    :raises ConfigError: naming the first wrong attribute, what was found, and what is allowed.
    """
    required = required or {}
    known = {"type": str, **required, **(optional or {})}
    for attribute, found in options.items():
        if attribute not in known:
            raise unknown_option(attribute, known)
        if not _is(found, known[attribute]):
            raise wrong_option(attribute, found, _DESCRIPTIONS[known[attribute]])
    for attribute, kind in required.items():
        _check_given(options, attribute, kind)


def wrong_option(attribute: str, found: object, allowed: str) -> ConfigError:
    """
    The error for an attribute whose value is not allowed.

    :param found: shown if it is a number, a string or a truth value; of others only the type, as
        what is in them may be secret. Do not pass a string that may hold a password.
    :param allowed: a noun phrase, such as "an integer from 1 to 65535".
    """
    return ConfigError(
        f'"{attribute}" in cookie store: found {_shown(found)}, allowed is {allowed}'
    )


def unknown_option(attribute: object, known: Iterable[str]) -> ConfigError:
    """The error for an attribute that the store does not know, with the nearest that it does."""
    known = sorted(known)
    near = get_close_matches(str(attribute), known, n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    allowed = ", ".join(f'"{name}"' for name in known)
    return ConfigError(
        f'"{attribute}" in cookie store: found an unknown attribute{hint}, allowed are {allowed}'
    )


def _check_given(options: Mapping[str, Any], attribute: str, kind: type) -> None:
    if attribute not in options:
        raise ConfigError(
            f'"{attribute}" in cookie store: found nothing, required is {_DESCRIPTIONS[kind]}'
        )
    if options[attribute] == "":
        raise wrong_option(attribute, "", "a string that is not empty")


def _is(found: object, kind: type) -> bool:
    if isinstance(found, bool):
        return kind is bool
    return isinstance(found, Mapping if kind is dict else (int, float) if kind is float else kind)


def _shown(found: object) -> str:
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float | str):
        return repr(found)
    return _DESCRIPTIONS.get(type(found), f"a {type(found).__name__}")

"""How an error in the configuration is worded: `"length": expected X, found Y`. Shows no secret."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from enum import Enum
from typing import Final

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.redaction import is_secret_name, redact_url


class Missing(Enum):
    """Stands for the value of an attribute that is not there."""

    MISSING = "nothing"


MISSING: Final = Missing.MISSING


def wrong_value(attribute: str, place: str, expected: str, found: object) -> ConfigError:
    """
    The error for a value that is of the right type, and not allowed.

    :param place: what the attribute belongs to, such as "the store item".
    :param expected: a noun phrase, such as "an integer from 1 to 65535".
    :param found: shown where it is a number, a boolean or a string, and without what may be secret
        in it.
    """
    shown = type_of(found) if is_secret_name(attribute) else _shown(found)
    return wrong(attribute, place, expected, shown)


def wrong_type(attribute: str, place: str, expected: str, found: object) -> ConfigError:
    """The error for a value of a wrong type: the type alone is shown."""
    return wrong(attribute, place, expected, type_of(found))


def wrong(attribute: str, place: str, expected: str, found: str) -> ConfigError:
    """The same error, with the caller's words for what was found."""
    return ConfigError(f'"{redact_url(attribute)}" in {place}: expected {expected}, found {found}')


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Begin the message of each `ConfigError` of the block with what it is about."""
    try:
        yield
    except ConfigError as error:
        raise type(error)(f"{name}: {error}") from error


def unknown_attribute(attribute: object, place: str, known: Iterable[str]) -> ConfigError:
    """The error for an attribute that nobody reads, with the nearest that is read."""
    known = list(known)
    near = get_close_matches(str(attribute), known, n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    names = ", ".join(f'"{name}"' for name in known)
    return wrong(str(attribute), place, f"one of {names}", f"an unknown attribute{hint}")


def type_of(found: object) -> str:
    """What a value is, in the words of JSON and without what is in it."""
    if found is MISSING:
        return "nothing"
    if found is None or isinstance(found, bool):
        return json.dumps(found)
    for kind, name in _TYPES.items():
        if isinstance(found, kind):
            return name
    return f"a {type(found).__name__}"


_TYPES: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    list: "a list",
    tuple: "a list",
    Mapping: "a mapping",
}


def _shown(found: object) -> str:
    if isinstance(found, str):
        return json.dumps(redact_url(found), ensure_ascii=False)
    return str(found) if type(found) in (int, float) else type_of(found)

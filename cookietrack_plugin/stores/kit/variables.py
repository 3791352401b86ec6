"""`${NAME}` in a store's `url`: passwords come from the environment, not from the configuration."""

import os
import re
from collections.abc import Callable
from re import Match
from urllib.parse import quote

from cookietrack_plugin.stores.kit.options import wrong_url

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
# One that stands for a whole password: `user:${NAME}@host`.
_PASSWORD = re.compile(r"(?<=:)\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}(?=@)")


def expand(url: str) -> str:
    """
    `url` with its variables replaced. Where a password stands (`:${NAME}@`), a variable holds the
    password as it is, with any characters; elsewhere it is text of the URL.

    :raises ConfigError: a variable is not set, or a `${` is no variable.
    """
    expanded = _VARIABLE.sub(_value, _PASSWORD.sub(_quoted(_value), url))
    if "${" in url and "${" in _VARIABLE.sub("", url):
        raise wrong_url('a "${" that begins no variable', "${NAME}")
    return expanded


def _value(found: Match[str]) -> str:
    try:
        return os.environ[found["name"]]
    except KeyError:
        name = found["name"]
        unset = f"that the environment variable {name} is not set"
        raise wrong_url(unset, f"a value for ${{{name}}}") from None


def _quoted(value: Callable[[Match[str]], str]) -> Callable[[Match[str]], str]:
    return lambda found: quote(value(found), safe="")

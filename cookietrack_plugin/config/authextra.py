"""
What an authenticator says in `authextra` about how long the login lasts. It is stored with the
login, and is not for the client.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cookietrack_plugin.config.lifespan import UNBOUNDED_S, Lifespan
from cookietrack_plugin.stores.kit.wording import type_of

MAX_AGE, IDLE_TIMEOUT = KEYS = "cookietrack_max_age", "cookietrack_idle_timeout"
# For a stored value that makes no sense: the login is over as soon as it begins.
_OVER = Lifespan(0)


def lifetime_in(extra: Mapping[str, Any] | None) -> Lifespan | None:
    """The lifetime of a login with this `authextra`; None where it does not speak of one."""
    if not extra or not any(key in extra for key in KEYS):
        return None
    if _wrong(extra):
        return _OVER
    return Lifespan(extra.get(MAX_AGE, UNBOUNDED_S), extra.get(IDLE_TIMEOUT))


def check_lifetime(extra: Mapping[str, Any] | None) -> None:
    """
    Check what an authenticator says.

    :raises ValueError: with what was expected and what was found.
    """
    if key := _wrong(extra or {}):
        found = (extra or {})[key]
        shown = found if type(found) is int else type_of(found)
        raise ValueError(f"{key}: expected seconds, an integer from 1, found {shown}")


def without_lifetime(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    """`extra` without these keys: a client neither sees nor sets them."""
    return without_keys(extra, KEYS.__contains__)


def without_keys(
    extra: dict[str, Any] | None, is_refused: Callable[[Any], bool]
) -> dict[str, Any] | None:
    """`extra` without the keys that are refused; the same object if it has none of them."""
    if not extra or not any(map(is_refused, extra)):
        return extra
    return {key: value for key, value in extra.items() if not is_refused(key)}


def _wrong(extra: Mapping[str, Any]) -> str | None:
    """The key whose value is no number of seconds."""
    wrong = (key for key in KEYS if key in extra and not _is_seconds(extra[key]))
    return next(wrong, None)


def _is_seconds(value: object) -> bool:
    return type(value) is int and value > 0

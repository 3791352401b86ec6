"""What a client runs on, in words that its user knows."""

from functools import lru_cache
from typing import Any

from attrs import frozen

# Names that say nothing.
_VAGUE = ("Other", "Generic Smartphone", "Generic Tablet", "Generic Feature Phone")
_LONGEST = 48
# User-Agents. Most clients are of a few kinds.
_REMEMBERED = 4096


@frozen
class _Name:
    """`full`: as people read it, "Firefox 128 on Linux". `plain`: without the version."""

    full: str
    plain: str


def device_name(user_agent: str | None) -> str | None:
    """
    The name of browser and device, such as "Firefox 128 on Linux"; the beginning of the User-Agent
    where `ua-parser` does not know it or is not installed. Clients choose that text, and the first
    call loads a table of expressions: on any thread but the reactor's.
    """
    if not user_agent:
        return None
    name = _parsed(user_agent)
    return _shortened(_whole(user_agent)) or None if name is None else name.full


def is_on(user_agent: str | None, device: str) -> bool:
    """
    Whether `device` is a part of the User-Agent, or of the device's name with its version or
    without, in upper or lower case. On the same threads as `device_name`.
    """
    if not user_agent:
        return False
    wanted = device.casefold()
    if wanted in user_agent.casefold():
        return True
    name = _parsed(user_agent)
    return name is not None and any(wanted in each.casefold() for each in (name.full, name.plain))


@lru_cache(_REMEMBERED)
def _parsed(user_agent: str) -> _Name | None:
    try:
        from ua_parser import parse
    except ImportError:
        return None
    found = parse(_whole(user_agent))
    browser, place = found.user_agent, _named(found.device) or _named(found.os)
    full = _joined(_with_version(browser), place)
    return _Name(full, _joined(_named(browser), place)) if full else None


def _joined(browser: str | None, place: str | None) -> str:
    return " on ".join(each for each in (browser, place) if each)


def _with_version(browser: Any) -> str | None:
    name = _named(browser)
    return f"{name} {browser.major}" if name and browser.major else name


def _named(found: Any) -> str | None:
    return None if found is None or found.family in _VAGUE else str(found.family)


def _whole(user_agent: str) -> str:
    """Without halves of surrogate pairs, which a restored record may have, and parsers refuse."""
    return user_agent.encode(errors="replace").decode()


def _shortened(user_agent: str) -> str:
    text = " ".join(user_agent.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""What a client runs on, in words that its user knows."""

from functools import lru_cache
from typing import Any

# Names that say nothing.
_VAGUE = ("Other", "Generic Smartphone", "Generic Tablet", "Generic Feature Phone")
_LONGEST = 48
# Most clients are of a few kinds.
_REMEMBERED = 4096


@lru_cache(_REMEMBERED)
def device_name(user_agent: str | None) -> str | None:
    """
    The name of browser and device, such as "Firefox 128 on Linux"; the beginning of the User-Agent
    where `ua-parser` does not know it or is not installed. Clients choose that text, and the first
    call loads a table of expressions: on any thread but the reactor's.
    """
    if not user_agent:
        return None
    # `ua-parser` takes no half of a surrogate pair, which a record that was restored may have.
    text = user_agent.encode(errors="replace").decode()
    return _parsed(text) or _shortened(text) or None


def _parsed(user_agent: str) -> str | None:
    try:
        from ua_parser import parse
    except ImportError:
        return None
    found = parse(user_agent)
    browser = _with_version(found.user_agent)
    place = _named(found.device) or _named(found.os)
    return " on ".join(each for each in (browser, place) if each) or None


def _with_version(browser: Any) -> str | None:
    name = _named(browser)
    return f"{name} {browser.major}" if name and browser.major else name


def _named(found: Any) -> str | None:
    return None if found is None or found.family in _VAGUE else str(found.family)


def _shortened(user_agent: str) -> str:
    text = " ".join(user_agent.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""Values as people read them: times, sizes, counts, and names that somebody else has chosen."""

import time
from datetime import datetime

_UNITS = (
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
    (1, "second"),
)


def now_ms() -> int:
    """The time, in Unix milliseconds."""
    return int(time.time() * 1000)


def printable(text: str) -> str:
    """
    `text` without the power to do anything to a terminal: a client chooses its user agent, and an
    escape sequence in it could rewrite what the operator sees.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def relative(moment: int, now: int) -> str:
    """How long ago, or in how long, `moment` is: the largest unit that fits. In milliseconds."""
    seconds = abs(moment - now) // 1000
    for length, unit in _UNITS:
        if seconds >= length:
            span = counted(seconds // length, unit)
            return f"in {span}" if moment > now else f"{span} ago"
    return "now"


def absolute(moment: int) -> str:
    """Date and time of `moment` (milliseconds) in the local time zone."""
    try:
        local = datetime.fromtimestamp(moment / 1000).astimezone()
    except (ValueError, OverflowError, OSError):
        # Beyond the year 9999: a record may say so, a calendar does not.
        return f"{moment} ms"
    return local.isoformat(sep=" ", timespec="seconds")


def counted(number: int, noun: str) -> str:
    """`1 cookie`, `2 cookies`, `12,345 cookies`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """A number of bytes, in the unit that leaves at most four digits."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"

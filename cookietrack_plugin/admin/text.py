"""Values as people read them: times, sizes, counts, and names that somebody else has chosen."""

import time
from datetime import datetime, timedelta

from humanize import naturaldelta, naturalsize


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
    distance = abs(moment - now)
    if distance < 1000:
        return "now"
    try:
        span = naturaldelta(timedelta(milliseconds=distance))
    except OverflowError:
        span = f"{distance} ms"
    return f"in {span}" if moment > now else f"{span} ago"


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
    """A number of bytes in a binary unit, with one decimal: `528.0 KiB`."""
    return naturalsize(count, binary=True)

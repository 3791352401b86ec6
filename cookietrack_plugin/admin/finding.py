"""What a check of `cookietrack diagnose` has found."""

from typing import Literal

from attrs import frozen

Level = Literal["ok", "warning", "error"]


@frozen
class Finding:
    """`about`: what was looked at. `message`: what was found and, unless `ok`, what to do."""

    level: Level
    about: str
    message: str


def ok(about: str, message: str) -> Finding:
    return Finding("ok", about, message)


def warning(about: str, message: str) -> Finding:
    """It works, and may not for long, or not as safely as it could."""
    return Finding("warning", about, message)


def error(about: str, message: str) -> Finding:
    """It does not work."""
    return Finding("error", about, message)

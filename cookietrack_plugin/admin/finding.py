"""What a check of `cookietrack diagnose` has found, what to do about it, and how urgent that is."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from attrs import evolve, field, frozen

from cookietrack_plugin.errors import CookieTrackError

Level = Literal["error", "warning", "mended", "ok"]
_ORDER: tuple[Level, ...] = ("error", "warning", "mended", "ok")

# The order of findings of one level: clients are refused now; other users can read the store; it is
# going to fail; all else.
NOW, OPEN, SOON, LATER = range(4)


@frozen
class Finding:
    """
    `about`: what was looked at. `message`: what was found and, unless it is fine, what to do.
    `urgency`: NOW, OPEN, SOON or LATER. `mend`: does it, where that is safe; raises OSError.
    """

    level: Level
    about: str
    message: str
    urgency: int = LATER
    mend: Callable[[], Any] | None = field(default=None, eq=False, repr=False)

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do, any more."""
        return self.level in ("ok", "mended")

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "level": self.level,
            "about": self.about,
            "message": self.message,
            "mendable": self.mend is not None,
        }

    def mended(self) -> "Finding":
        """What is found after `mend`, which is called here; why it could not be done."""
        if self.mend is None:
            return self
        try:
            self.mend()
        except (OSError, CookieTrackError) as problem:
            why = getattr(problem, "strerror", None) or problem
            return evolve(self, message=f"{self.message} (--fix could not: {why})")
        return evolve(self, level="mended", mend=None)


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, and of one level the most urgent; else as they come."""
    return sorted(findings, key=lambda each: (_ORDER.index(each.level), each.urgency))


def ok(about: str, message: str) -> Finding:
    return Finding("ok", about, message)


def warning(
    about: str, message: str, urgency: int = LATER, mend: Callable[[], Any] | None = None
) -> Finding:
    """It works, and may not for long, or not as safely as it could."""
    return Finding("warning", about, message, urgency, mend)


def error(
    about: str, message: str, urgency: int = NOW, mend: Callable[[], Any] | None = None
) -> Finding:
    """It does not work."""
    return Finding("error", about, message, urgency, mend)

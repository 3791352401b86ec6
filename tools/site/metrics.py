"""The metrics of the service `cookietrack-metrics` and their labels, as it gives them."""

import inspect
from pathlib import Path

from cookietrack_plugin import errors
from cookietrack_plugin.access.metrics import Outcome
from cookietrack_plugin.router.collector import Collector
from tools.site.lines import KINDS
from tools.site.parts import table

_OUTCOMES = {
    Outcome.NEW: ("handshakes", "the client got a new cookie"),
    Outcome.RETURNING: ("both", "the store knows the cookie"),
    Outcome.REFUSED: ("both", "the store did not answer: 503"),
    Outcome.LIMITED: ("handshakes", "too many new cookies: 429"),
    Outcome.UNKNOWN: (
        "requests",
        "the cookie is not known, or has expired: 401 or a redirect",
    ),
    Outcome.FORBIDDEN: ("requests", "logged in, and not among those that `allow` lets in: 403"),
    Outcome.CROSS_SITE: ("requests", "a page of another site asked: 403"),
}
# Errors that no handshake or request meets.
_OTHER_ERRORS = {"CookieTrackError", "UnknownStoreType", "PositionLost"}


def metrics(_: Path) -> str:
    """A row for each: a counter's name has the `_total` with which Prometheus reads it."""
    rows = [
        (
            f"`{each.name}{'_total' if each.type == 'counter' else ''}`",
            each.type,
            ", ".join(f"`{label}`" for label in each._labelnames),
            f"{each.documentation}",
        )
        for each in Collector([], []).collect()
    ]
    return table(("metric", "type", "labels", "meaning"), rows)


def labels(_: Path) -> str:
    """The values of the labels that are not `store`."""
    outcomes = [(f"`{each}`", *_OUTCOMES[each]) for each in Outcome]
    kinds = [(f"`{kind.value}`", text) for kind, text in KINDS.items()]
    return "\n\n".join(
        [
            "### `outcome`",
            table(("value", "of", "meaning"), outcomes),
            "### `kind`",
            table(("value", "what has happened"), kinds),
            "### `cause`",
            "The name of the error, one of those in [the Python API](api.md):",
            table(("value", "meaning"), _causes()),
        ]
    )


def _causes() -> list[tuple[str, str]]:
    return [
        (f"`{name}`", str(kind.__doc__))
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and name not in _OTHER_ERRORS
    ]

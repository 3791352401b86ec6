"""The consoles in a node's configuration, each of which stands behind a guard."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cookietrack_plugin.config.guards import services
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import naming

CONSOLE = "cookietrack-console"
# What a guard's "allow" has to name, so that not every user of the node is an operator.
_OPERATORS = ("roles", "authids")


def check_consoles(content: Any) -> None:
    """
    Check where the consoles of a node stand.

    :raises ConfigError: naming the console, what was expected, and what was found.
    """
    for place in services(content):
        if place.service.get("type") == CONSOLE:
            with naming(place.name):
                require_operators(place.guards)


def require_operators(guards: Sequence[Mapping[str, Any]]) -> None:
    """
    :param guards: the items of the guards that a request to a console passes.
    :raises ConfigError: not only operators would get to it.
    """
    if not guards:
        raise ConfigError(
            f'"type": expected {CONSOLE} as the "path" of a cookietrack-guard, which says who is an'
            " operator, found it without one"
        )
    if not any(key in guard.get("allow", {}) for guard in guards for key in _OPERATORS):
        raise ConfigError(
            f'"allow" in the guard item: expected "roles" or "authids" before a {CONSOLE}, found'
            " neither: every user could end everybody's sessions"
        )
    if all(guard.get("csrf") == "off" for guard in guards):
        raise ConfigError(
            f'"csrf" in the guard item: expected "on" before a {CONSOLE}, found "off": pages of any'
            " site could end everybody's sessions"
        )


def console_warnings(content: Any) -> Iterator[str]:
    """A sentence each, for consoles that are right ones."""
    for place in services(content):
        if place.service.get("type") != CONSOLE:
            continue
        if origins := [each for guard in place.guards for each in guard.get("cors", ())]:
            yield (
                f'{place.name}: "cors" of the guard lets pages of {", ".join(origins)} do all that'
                " the operator who visits them can do"
            )

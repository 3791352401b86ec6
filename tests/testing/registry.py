"""Which broken store shows which check of the kit."""

from collections.abc import Callable
from typing import Any

#: The broken providers and stores by the check that has to fail them.
BROKEN: dict[str, type] = {}


def fails(*checks: str) -> Callable[[type], type]:
    """Note that the decorated provider or store has to fail these checks."""

    def note(broken: type) -> type:
        for check in checks:
            assert check not in BROKEN, check
            BROKEN[check] = broken
        return broken

    return note


class ProviderOf:
    """A mixin for providers whose `open` makes a `store_class`."""

    store_class: Any

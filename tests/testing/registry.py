"""Which broken store shows which check of the kit."""

from collections.abc import Callable

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

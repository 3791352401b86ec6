"""Waiting for a condition, and not by the clock."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true result of `condition`; an AssertionError after `patience` seconds without."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)
    return result

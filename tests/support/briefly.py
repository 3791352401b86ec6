"""An authenticator who lets everybody in, and not for long."""

from pathlib import Path
from typing import Any

from tests.support.sites import BRIEF_S

ROOT = Path(__file__).parents[2]


def create(config: Any, controller: Any) -> Any:
    """In the worker."""

    def let_in(realm: str, authid: str, details: Any) -> Any:
        return {"role": "user", "extra": {"cookietrack_max_age": BRIEF_S, "team": 5}}

    return let_in


# What names it, in `auth`.
TICKET = {"type": "function", "create": f"{__name__}.create"}


def findable(config: dict[str, Any]) -> dict[str, Any]:
    """A node configuration whose workers find it."""
    workers = [{**worker, "options": {"pythonpath": [str(ROOT)]}} for worker in config["workers"]]
    return {**config, "workers": workers}

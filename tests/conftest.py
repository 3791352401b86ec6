"""What tests of every kind share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Clients

# Marks of tests that take long.
SLOW = ("server", "browser", "install", "node")
# Files whose tests use the node of the fixture `shared`.
SHARES = ("fixation", "lifetimes", "secrecy", "sessions")
SHARING = [f"tests/node/test_{name}.py" for name in SHARES]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process is left alone with one in the end."""
    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(_rank(item), ranks.get(item.path, len(SLOW)))
    items.sort(key=lambda item: ranks[item.path])


def _rank(item: pytest.Item) -> int:
    names = {mark.name for mark in item.iter_markers()}
    return next((rank for rank, name in enumerate(SLOW) if name in names), len(SLOW))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, one process takes all the files that share a node: it starts once."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return SHARING[0] if file in SHARING else file

    return Scheduling(config, log)


@pytest.fixture
def clients() -> Iterator[Clients]:
    """A process with real clients, which ends with the test."""
    process = Clients()
    yield process
    process.close()

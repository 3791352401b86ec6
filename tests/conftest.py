"""What tests of every kind share."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from servers.process import NotInstalled
from tests.support.client import Clients
from tests.support.missing import missing

# Marks of tests that take long.
SLOW = ("server", "browser", "install", "node")
# Files of `tests/node` whose tests use the nodes of a fixture that lasts for the whole session.
SHARES = {
    "shared": ("fixation", "freshness", "lifetimes", "secrecy", "sessions"),
    "site": ("ended", "ended_states", "identity", "policies"),
    "apart": ("apart", "history"),
}
SHARING = {f"tests/node/test_{name}.py": node for node, names in SHARES.items() for name in names}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with skipping_without_server():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with skipping_without_server():
        return (yield)


@contextmanager
def skipping_without_server() -> Iterator[None]:
    """A test is skipped without its server, and fails where `CI=true`."""
    try:
        yield
    except NotInstalled as error:
        missing(str(error))


def pytest_collection_finish() -> None:
    """
    What was imported and collected stays to the end: to look through all of it again with each
    full collection takes a fifth of the time.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process is left alone with one in the end."""
    ranks: dict[str, int] = {}
    for item in items:
        scope = _scope(item.nodeid)
        ranks[scope] = min(_rank(item), ranks.get(scope, len(SLOW)))
    items.sort(key=lambda item: ranks[_scope(item.nodeid)])


def _scope(nodeid: str) -> str:
    """What one process takes: a file, or those that share nodes."""
    file = nodeid.partition("::")[0]
    return SHARING.get(file, file)


def _rank(item: pytest.Item) -> int:
    names = {mark.name for mark in item.iter_markers()}
    return next((rank for rank, name in enumerate(SLOW) if name in names), len(SLOW))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, one process takes all the files that share nodes: they start once."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(super()._split_scope(nodeid))

    return Scheduling(config, log)


@pytest.fixture
def clients() -> Iterator[Clients]:
    """A process with real clients, which ends with the test."""
    process = Clients()
    yield process
    process.close()

"""What tests of every kind share."""

from collections.abc import Iterator

import pytest

from tests.support.client import Clients

# Marks of tests that take long.
SLOW = ("server", "browser", "install", "node")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    For parallel runs: the tests of a file stay together, those that share a node wherever they are,
    and what takes long comes first, so that no process is left alone with it in the end.
    """
    groups = {item: _group(item) for item in items}
    ranks: dict[str, int] = {}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
        ranks[group] = min(_rank(item), ranks.get(group, len(SLOW)))
    items.sort(key=lambda item: ranks[groups[item]])


def _group(item: pytest.Item) -> str:
    if "shared" in getattr(item, "fixturenames", ()):
        return f"shared-{item.callspec.params['shared']}"
    return str(item.path.relative_to(item.config.rootpath))


def _rank(item: pytest.Item) -> int:
    names = {mark.name for mark in item.iter_markers()}
    return next((rank for rank, name in enumerate(SLOW) if name in names), len(SLOW))


@pytest.fixture
def clients() -> Iterator[Clients]:
    """A process with real clients, which ends with the test."""
    process = Clients()
    yield process
    process.close()

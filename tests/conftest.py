"""What tests of every kind share."""

from collections.abc import Iterator

import pytest

from tests.support.client import Clients


@pytest.fixture
def clients() -> Iterator[Clients]:
    """A process with real clients, which ends with the test."""
    process = Clients()
    yield process
    process.close()

"""A new database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.databases import Database


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.server),
        pytest.param("mariadb", marks=pytest.mark.server),
    ]
)
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/cookies.sqlite"
        return
    server: Database = request.getfixturevalue(request.param)
    with server.database() as name:
        yield server.plain_url(name)

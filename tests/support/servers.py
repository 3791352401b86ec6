"""
Fixtures: real servers on free ports, one of each kind for a whole run of tests.

A test module asks for them with `pytest_plugins = ["tests.support.servers"]`. What a test alters
about a server (stopping it, its settings) it does to one of its own.
"""

from collections.abc import Iterator

import pytest

from servers.databases import MariaDB, PostgreSQL
from servers.process import running
from servers.redises import RedisCluster, RedisServer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running(PostgreSQL()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with running(MariaDB()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running(RedisServer()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    with running(RedisCluster()) as server:
        yield server

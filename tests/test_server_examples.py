"""The examples that need a server, on one that was started and set up as their READMEs say."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from servers.databases import PostgreSQL
from servers.process import running
from tests.support.client import Clients
from tests.support.examples import (
    DB_PORT,
    REDIS_PORT,
    Example,
    ExampleRedis,
    commands,
    config_text,
    example_database,
    tracking,
)
from tests.support.node import BIN

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]


@frozen
class Server:
    """`example`: of which it is the server. `env`, `ports`: see `Example`."""

    example: str
    env: dict[str, str]
    ports: dict[int, int]

    def store(self) -> dict[str, Any]:
        """The store item of that example."""
        transport = next(tracking(json.loads(config_text(self.example))))
        return dict(transport["cookie"]["store"])


@pytest.fixture
def sql(postgresql: PostgreSQL) -> Iterator[Server]:
    with example_database(postgresql) as env:
        yield Server("sql", env, {DB_PORT: postgresql.port})


@pytest.fixture
def redis() -> Iterator[Server]:
    with running(ExampleRedis("redis")) as server:
        yield Server("redis", server.env, {REDIS_PORT: server.port})


@pytest.fixture
def cluster() -> Iterator[Server]:
    with running(ExampleRedis("cluster")) as server:
        yield Server("cluster/one", server.env, {REDIS_PORT: server.port})


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("server", ["sql", "redis"], indirect=True)
def test_the_example_keeps_a_login_over_a_restart_and_forgets_it_on_logout(
    server: Server, tmp_path: Path, clients: Clients
) -> None:
    example = Example(server.example, tmp_path, server.env, server.ports)
    with example.running():
        first = clients.login(example.url())
        assert first.challenged
    with example.running() as node:
        again = clients.login(example.url(), cookie=first.cookie)
        assert (again.authid, again.authprovider, again.challenged) == ("alice", "cookie", False)
        again.leave("wamp.close.logout")
        assert clients.login(example.url(), cookie=first.cookie).challenged
        [password] = server.env.values()
        assert password not in node.output()
        assert "can lose logins" not in node.output()


@pytest.mark.parametrize("server", ["cluster", "sql"], indirect=True)
def test_in_the_cluster_example_the_two_nodes_agree(
    server: Server, tmp_path: Path, clients: Clients
) -> None:
    """With PostgreSQL too, as the README says: the store item of the `sql` example."""
    nodes = [
        Example(f"cluster/{name}", tmp_path / name, server.env, server.ports, server.store())
        for name in ("one", "two")
    ]
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node.running())
        one, two = nodes[0].url(8080), nodes[1].url(8081)
        first = clients.login(one)
        again = clients.login(two, cookie=first.cookie)
        assert (first.challenged, again.challenged) == (True, False)
        first.leave("wamp.close.logout")
        assert again.wait_closed()["leave_reason"] == "wamp.close.logout"
        sessions = [clients.login(one), clients.login(two)]
        assert "2 cookies ended" in revoke(tmp_path, server.env)
        for session in sessions:
            assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
            assert clients.login(two, cookie=session.cookie).challenged


def revoke(folder: Path, env: dict[str, str]) -> str:
    """What the README's command to end alice's sessions prints."""
    [line] = [line for line in commands("cluster") if line.startswith("cookietrack revoke ")]
    done = subprocess.run(
        [BIN / "cookietrack", *line.split()[1:], "--yes"],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout

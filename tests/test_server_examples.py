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
    together,
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


def test_the_examples_keep_a_login_over_a_restart_and_forget_it_on_logout(
    sql: Server, redis: Server, tmp_path: Path, clients: Clients
) -> None:
    examples = [
        Example(each.example, tmp_path / each.example, each.env, each.ports)
        for each in (sql, redis)
    ]
    with together(tmp_path / "node", *examples):
        first = [clients.login(each.url()) for each in examples]
        assert [each.challenged for each in first] == [True, True]
    with together(tmp_path / "node", *examples) as node:
        for example, before in zip(examples, first, strict=True):
            again = clients.login(example.url(), cookie=before.cookie)
            assert (again.authid, again.authprovider) == ("alice", "cookie")
            assert not again.challenged
            again.leave("wamp.close.logout")
            assert clients.login(example.url(), cookie=before.cookie).challenged
            [password] = example.env.values()
            assert password not in node.output()
        assert "can lose logins" not in node.output()


def test_in_the_cluster_example_the_two_nodes_agree(
    cluster: Server, sql: Server, tmp_path: Path, clients: Clients
) -> None:
    """With PostgreSQL too, as the README says: the store item of the `sql` example."""
    stores = [
        (each, [_example_of(each, name, tmp_path) for name in ("one", "two")])
        for each in (cluster, sql)
    ]
    with ExitStack() as stack:
        for number, name in enumerate(("one", "two")):
            both = [pair[number] for _, pair in stores]
            stack.enter_context(together(tmp_path / "nodes" / name, *both))
        for server, (one, two) in stores:
            first = clients.login(one.url(8080))
            again = clients.login(two.url(8081), cookie=first.cookie)
            assert (first.challenged, again.challenged) == (True, False)
            first.leave("wamp.close.logout")
            assert again.wait_closed()["leave_reason"] == "wamp.close.logout"
            sessions = [clients.login(one.url(8080)), clients.login(two.url(8081))]
            assert "2 cookies ended" in revoke(one.node.folder.parent, server.env)
            for session in sessions:
                assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
                assert clients.login(two.url(8081), cookie=session.cookie).challenged


def _example_of(server: Server, name: str, folder: Path) -> Example:
    place = folder / server.example / name
    return Example(f"cluster/{name}", place, server.env, server.ports, server.store())


def revoke(folder: Path, env: dict[str, str]) -> str:
    """What the README's command to end alice's sessions prints, in the folder of one store."""
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

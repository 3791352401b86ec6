"""The node directories in `node_examples/`, and the commands that their READMEs give."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import redis

from servers.databases import PASSWORD, USER, PostgreSQL
from servers.ports import free_port
from servers.process import ServerProcess, account, new_folder, program
from tests.support.node import Node, running

EXAMPLES = Path(__file__).parent.parent.parent / "node_examples"
DOORS = (8080, 8081)
DB_PORT, REDIS_PORT = 5432, 6379


class Example:
    """
    A copy of an example, its ports exchanged for free ones.

    :param env: what its README exports.
    :param servers: the ports of servers that are elsewhere than the example says.
    :param store: a store item that replaces its own.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        servers: Mapping[int, int] | None = None,
        store: Mapping[str, Any] | None = None,
    ) -> None:
        text = config_text(name)
        self.ports = {port: free_port() for port in DOORS if f'"port": {port}' in text}
        for port, free in self.ports.items():
            text = text.replace(f'"port": {port}', f'"port": {free}')
        config = json.loads(text)
        if store:
            for transport in tracking(config):
                transport["cookie"]["store"] = store
        text = json.dumps(config)
        for port, other in (servers or {}).items():
            text = text.replace(f":{port}/", f":{other}/")
        self.env = dict(env or {})
        self.node = Node(folder, json.loads(text))

    def url(self, port: int = 8080) -> str:
        return f"ws://localhost:{self.ports[port]}/"

    def running(self) -> Any:
        return running(self.node, *self.ports.values(), env=self.env)


@contextmanager
def together(folder: Path, *examples: Example) -> Iterator[Node]:
    """A node that is all of these examples, which differ in transports and in roles alone."""
    env = {name: value for each in examples for name, value in each.env.items()}
    ports = [port for each in examples for port in each.ports.values()]
    node = Node(folder, merged([each.node.config for each in examples]))
    with running(node, *ports, env=env):
        yield node


def merged(configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first, with the transports and roles of the others."""
    first, *others = deepcopy(list(configs))
    for other in others:
        for worker, more in zip(first["workers"], other["workers"], strict=True):
            _add(worker, more, "transports")
            for realm, another in zip(
                worker.get("realms", []), more.get("realms", []), strict=True
            ):
                _add(realm, another, "roles")
        assert first == other
    return first


def _add(item: dict[str, Any], other: dict[str, Any], name: str) -> None:
    """Both get what either of them has of this."""
    item[name] += [each for each in other[name] if each not in item[name]]
    other[name] = item[name]


def config_text(name: str) -> str:
    return (EXAMPLES / name / ".crossbar" / "config.json").read_text()


def tracking(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The transports that have a `cookie` item."""
    for worker in config["workers"]:
        yield from (each for each in worker["transports"] if "cookie" in each)


def commands(name: str) -> list[str]:
    """What the README of an example tells to type, a line each."""
    lines = (EXAMPLES / name / "README.md").read_text().splitlines()
    return [line.strip() for line in lines if line.startswith("    ")]


def typed(lines: Sequence[str], variable: str, env: Mapping[str, str] | None = None) -> str:
    """Type the lines into a shell; the variable that it has exported then."""
    script = "\n".join([*lines, f'printf "\\n%s" "${variable}"'])
    done = subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rpartition("\n")[2]


class ExampleRedis(ServerProcess):
    """The server of an example, started with its README's command on another port."""

    def __init__(self, example: str) -> None:
        lines = commands(example)
        export = [line for line in lines if line.startswith("export ")]
        [start] = [line for line in lines if line.startswith("redis-server ")]
        self.port = free_port()
        self.env = {"COOKIE_REDIS_PASSWORD": typed(export, "COOKIE_REDIS_PASSWORD")}
        words = shlex.split(start.removesuffix(" &").replace(str(REDIS_PORT), str(self.port)))
        command = [program("redis-server", "redis-server"), *map(self._filled, words[1:])]
        owner = account("redis")
        super().__init__("redis", command, new_folder("example", owner), self._ping, owner)

    def _filled(self, word: str) -> str:
        for name, value in self.env.items():
            word = word.replace(f"${name}", value)
        return word

    def _ping(self) -> Any:
        [password] = self.env.values()
        return redis.Redis(port=self.port, password=password).ping()


@contextmanager
def example_database(postgresql: PostgreSQL) -> Iterator[dict[str, str]]:
    """The user and the database of the `sql` example, made with its commands: its environment."""
    program("psql", "postgresql-client")
    lines = commands("sql")
    making = [line.removeprefix("sudo -u postgres ") for line in lines[: _install(lines)]]
    admin = {"PGHOST": "127.0.0.1", "PGPORT": str(postgresql.port), "PGDATABASE": "postgres"}
    admin |= {"PGUSER": USER, "PGPASSWORD": PASSWORD}
    try:
        yield {"COOKIE_DB_PASSWORD": typed(making, "COOKIE_DB_PASSWORD", admin)}
    finally:
        postgresql.execute("DROP DATABASE IF EXISTS crossbar WITH (FORCE)")
        postgresql.execute("DROP USER IF EXISTS crossbar")


def _install(lines: Sequence[str]) -> int:
    """Where the server is done and the node begins."""
    return next(n for n, line in enumerate(lines) if line.startswith("pip install"))

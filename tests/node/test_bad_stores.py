"""What is wrong with a store on a server is told by `check` where it can be, else at the start."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.router.personalities.standalone import Personality
from servers.databases import PASSWORD, USER, PostgreSQL
from servers.redises import RedisServer
from tests.node.conftest import Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.late import LateServices
from tests.support.node import Node, running, wait_for

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

Make = Callable[..., Node]
SECRET = quote(PASSWORD, safe="")
NOBODY = "NAME_OF_NO_VARIABLE"
# Crossbar prints stacks of its own when a node does not start: none of them leads to a store.
STACK = "/cookietrack_plugin/stores/"


def shows_no_secret(text: str) -> bool:
    return PASSWORD not in text and SECRET not in text


@pytest.mark.parametrize(
    ("store", "message"),
    [
        (
            {"type": "sql", "url": f"oracle://joe:{SECRET}@host/db"},
            'found the scheme "oracle"',
        ),
        (
            {"type": "redis", "url": f"mongodb://joe:{SECRET}@host"},
            'found the scheme "mongodb"',
        ),
        (
            {"type": "sql", "url": f"mysql://joe:${{{NOBODY}}}@host/db"},
            f"the environment variable {NOBODY} is not set",
        ),
        (
            {"type": "sql", "url": f"postgresql://joe:{SECRET}@host"},
            "found no database",
        ),
        (
            {"type": "redis", "url": f"redis://joe:{SECRET}@host/db"},
            "expected one as in redis://host:6379/0, found a database that is no number",
        ),
    ],
)
def test_check_finds_what_can_be_known_without_connecting(
    store: dict[str, Any], message: str
) -> None:
    config = configs.router(configs.websocket(8080, {"store": store}))
    with pytest.raises(InvalidConfigException) as refused:
        Personality.check_config(Personality, config)
    [line] = [line for line in str(refused.value).splitlines() if "the store item" in line]
    assert message in line
    assert shows_no_secret(str(refused.value))


@pytest.mark.parametrize(
    ("driver", "store", "extra"),
    [
        ("psycopg", {"type": "sql", "url": f"postgresql://joe:{SECRET}@host/db"}, "postgresql"),
        ("redis", {"type": "redis", "url": f"redis://joe:{SECRET}@host"}, "redis"),
    ],
)
def test_check_names_what_installs_a_driver_that_is_missing(
    driver: str,
    store: dict[str, Any],
    extra: str,
    make_node: Make,
    listener: Listener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A module that cannot be imported stands in front of the real one."""
    (tmp_path / f"{driver}.py").write_text("raise ImportError('it is not there')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    node = make_node(configs.router(configs.websocket(listener.port, {"store": store})))
    done = node.run("check")
    assert done.returncode == 1
    assert f'pip install "cookietrack-plugin[{extra}]"' in done.stdout
    assert shows_no_secret(done.stdout + done.stderr)


def reasons(output: str) -> list[str]:
    """The lines of a log that say why a store cannot be opened; it shows no secret and no stack."""
    assert shows_no_secret(output)
    assert STACK not in output
    return [line for line in output.splitlines() if "cannot be opened" in line]


# What is wrong at a server that works: the store, and what to do about it.
FOREIGN, READER = "recipes", "reader"
SQL = "postgresql://{user}:${{COOKIE_PASSWORD}}@127.0.0.1:{port}/{database}"
REDIS = "redis://{login}127.0.0.1:{port}/{database}"
MISTAKES: dict[str, tuple[dict[str, str], str]] = {
    "a wrong password": (
        {"url": SQL.replace("COOKIE_PASSWORD", "WRONG_PASSWORD")},
        "correct the user or the password, or the variable that holds it",
    ),
    "a login that is not there": (
        {"url": SQL, "user": "nobody"},
        "correct the user or the password, or the variable that holds it",
    ),
    "a wrong database": (
        {"url": SQL, "database": "nowhere"},
        'database "nowhere" does not exist: create the database, or name another',
    ),
    "a user without rights": (
        {"url": SQL, "user": READER},
        "grant the user CREATE, SELECT, INSERT, UPDATE and DELETE",
    ),
    "a table of another program": (
        {"url": SQL, "database": FOREIGN},
        'table "cookietrack" is another program\'s (it has no column "auth_at"):'
        ' choose another "table" in the store item',
    ),
    "a Redis that needs a password": (
        {"url": REDIS, "login": ""},
        "put the right user and password there, such as redis://user:${NAME}@host",
    ),
    "a wrong password of Redis": (
        {"url": REDIS, "login": ":${WRONG_PASSWORD}@"},
        "put the right user and password there, such as redis://user:${NAME}@host",
    ),
    "a wrong database of Redis": (
        {"url": REDIS, "database": "99"},
        "name a database that the server has",
    ),
}


@pytest.fixture
def clients(lasting_clients: Clients) -> Clients:
    return lasting_clients


@pytest.fixture(scope="module")
def late(
    postgresql: PostgreSQL, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Node, LateServices]]:
    """A node that runs, and beside it servers at which something is wrong."""
    postgresql.execute(f"CREATE DATABASE {FOREIGN}")
    postgresql.execute("CREATE TABLE cookietrack (recipe INTEGER)", FOREIGN)
    postgresql.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
    services = LateServices()
    node = Node(tmp_path_factory.mktemp("late"), services.config())
    env = {"COOKIE_PASSWORD": PASSWORD, "WRONG_PASSWORD": PASSWORD + "x"}
    with running(node, *services.ports, env=env):
        yield node, services
    postgresql.execute(f"DROP DATABASE {FOREIGN}")
    postgresql.execute(f"DROP ROLE {READER}")


def store_of(url: str, ports: dict[str, int], **parts: str) -> dict[str, Any]:
    """A `store` item: right but for `parts`."""
    scheme = url.partition(":")[0]
    right = {"user": USER, "login": ":${COOKIE_PASSWORD}@", "port": scheme}
    right["database"] = {"postgresql": "postgres", "redis": "0"}[scheme]
    parts = {**right, **parts}
    url = url.format(**{**parts, "port": ports[parts["port"]]})
    return {"type": "sql" if scheme == "postgresql" else scheme, "url": url, "timeout": 2}


@pytest.mark.server
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_that_shows_at_the_server_is_told_in_one_line(
    mistake: str,
    late: tuple[Node, LateServices],
    clients: Clients,
    postgresql: PostgreSQL,
    redis_server: RedisServer,
) -> None:
    """By a service that is started in a node that runs: a node takes long to start."""
    node, services = late
    ports = {"postgresql": postgresql.port, "redis": redis_server.port}
    parts, message = MISTAKES[mistake]
    service = {"type": "websocket", "cookie": {"store": store_of(ports=ports, **parts)}}
    before = len(node.output())
    assert not services.start(clients, "late", service).joined
    wait_for(lambda: reasons(node.output()[before:]), "the reason in the log")
    [line] = reasons(node.output()[before:])
    assert message in line

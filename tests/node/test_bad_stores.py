"""What is wrong with a store on a server is told by `check` where it can be, else at the start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.node.conftest import Listener
from tests.support import configs
from tests.support.databases import PASSWORD
from tests.support.node import Node
from tests.support.ports import free_port
from tests.support.redises import RedisServer
from tests.support.server_process import running

pytestmark = pytest.mark.node

Make = Callable[..., Node]
SECRET = quote(PASSWORD, safe="")
NOBODY = "NAME_OF_NO_VARIABLE"


def shows_no_secret(text: str) -> bool:
    return PASSWORD not in text and SECRET not in text


def refusal(make_node: Make, listener: Listener, store: dict[str, Any]) -> list[str]:
    """The lines of a start that fails which say why."""
    node = make_node(configs.router(configs.websocket(listener.port, {"store": store})))
    assert node.run("check").returncode == 0, "what is wrong shows only when it is opened"
    with pytest.raises(AssertionError):
        node.start(listener.port)
    assert shows_no_secret(node.output())
    return [line for line in node.output().splitlines() if "cannot be opened" in line]


@pytest.mark.parametrize(
    ("store", "message"),
    [
        (
            {"type": "sql", "url": f"oracle://joe:{SECRET}@host/db"},
            'found the scheme "oracle", allowed is postgresql://',
        ),
        (
            {"type": "redis", "url": f"mongodb://joe:{SECRET}@host"},
            'found the scheme "mongodb", allowed is one of redis',
        ),
        (
            {"type": "sql", "url": f"mysql://joe:${{{NOBODY}}}@host/db"},
            f"the environment variable {NOBODY} is not set",
        ),
    ],
)
def test_check_finds_what_can_be_known_without_connecting(
    store: dict[str, Any], message: str, make_node: Make, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": store})))
    done = node.run("check")
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "cookie store" in line]
    assert message in line
    assert shows_no_secret(done.stdout + done.stderr)


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


def test_a_server_that_is_not_there_ends_the_start_with_one_line(
    make_node: Make, listener: Listener
) -> None:
    port = free_port()
    url = f"postgresql://joe:{SECRET}@127.0.0.1:{port}/db"
    [line] = refusal(make_node, listener, {"type": "sql", "url": url, "timeout": 1})
    assert f"joe:***@127.0.0.1:{port}/db does not answer" in line
    assert "can this host reach it?" in line


@pytest.mark.server
def test_a_wrong_password_ends_the_start_with_one_line(
    make_node: Make, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COOKIE_PASSWORD", PASSWORD)
    with running(RedisServer(password="another")) as server:
        url = f"redis://:${{COOKIE_PASSWORD}}@127.0.0.1:{server.port}/0"
        [line] = refusal(make_node, listener, {"type": "redis", "url": url})
    assert "put the right user and password there" in line

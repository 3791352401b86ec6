"""The node directories in `node_examples/`, as a reader of their READMEs would use them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Clients
from tests.support.node import COOKIETRACK, Node, running
from tests.support.ports import free_port

EXAMPLES = Path(__file__).parent.parent / "node_examples"


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.close()


class Example:
    """A copy of an example, its ports exchanged for free ones."""

    def __init__(self, name: str, folder: Path) -> None:
        text = (EXAMPLES / name / ".crossbar" / "config.json").read_text()
        self.ports = {port: free_port() for port in (8080, 8081) if f'"port": {port}' in text}
        for port, free in self.ports.items():
            text = text.replace(f'"port": {port}', f'"port": {free}')
        self.node = Node(folder, json.loads(text))

    def url(self, port: int = 8080) -> str:
        return f"ws://localhost:{self.ports[port]}/"

    def running(self) -> Any:
        return running(self.node, *self.ports.values())


@pytest.mark.parametrize("name", ["memory", "file", "lmdb", "proxy", "demo"])
def test_the_check_accepts_the_example_as_it_stands(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / name / ".crossbar", tmp_path / ".crossbar")
    checked = subprocess.run(
        [COOKIETRACK, "check"],
        cwd=tmp_path,
        env={**os.environ, "PORT": "8080"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert "Ok, node configuration looks good!" in checked.stdout


@pytest.mark.node
def test_the_memory_example_recognises_a_client_that_comes_back(
    tmp_path: Path, clients: Clients
) -> None:
    example = Example("memory", tmp_path)
    with example.running():
        first = clients.open(example.url())
        again = clients.open(example.url(), first.cookie)
        other = clients.open(example.url())
    assert "HttpOnly" in first.set_cookie
    assert first.authid == again.authid != other.authid
    assert again.set_cookie is None


@pytest.mark.node
@pytest.mark.parametrize("name", ["file", "lmdb"])
def test_the_example_keeps_a_login_over_a_restart_until_the_logout(
    name: str, tmp_path: Path, clients: Clients
) -> None:
    example = Example(name, tmp_path)
    with example.running():
        first = clients.login(example.url())
        assert first.challenged
    with example.running():
        again = clients.login(example.url(), cookie=first.cookie)
        assert (again.authid, again.authprovider, again.challenged) == ("alice", "cookie", False)
        again.leave("wamp.close.logout")
        late = clients.login(example.url(), cookie=first.cookie)
    assert late.challenged
    assert late.cookie != first.cookie


@pytest.mark.node
def test_in_the_proxy_example_a_login_at_one_door_is_good_at_the_other(
    tmp_path: Path, clients: Clients
) -> None:
    example = Example("proxy", tmp_path)
    with example.running():
        for entered, used in ((8080, 8081), (8081, 8080)):
            first = clients.login(example.url(entered))
            again = clients.login(example.url(used), cookie=first.cookie)
            assert (first.challenged, again.challenged) == (True, False)
            again.leave("wamp.close.logout")
            assert clients.login(example.url(entered), cookie=first.cookie).challenged

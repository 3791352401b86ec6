"""A third party's store as an outsider gets it: installed with pip, beside the plugin's wheel."""

import json
from pathlib import Path

import pytest

from servers.ports import free_port
from tests.install.conftest import EXAMPLE, run
from tests.support.client import Clients, Session
from tests.support.node import Node, running

# Crossbar is installed for it.
pytestmark = [pytest.mark.install, pytest.mark.timeout(900)]


class InstalledNode(Node):
    """A node of another environment: its launcher runs in the Python that it was installed into."""

    def _command(self, *word: str) -> list[str]:
        return [self.command]


def example_node(environment: Path, folder: Path, port: int) -> Node:
    """The example's node directory as it stands, but for the port."""
    text = (EXAMPLE / ".crossbar" / "config.json").read_text()
    assert text.count('"port": 8080') == 1
    config = json.loads(text.replace('"port": 8080', f'"port": {port}'))
    launcher = environment / "bin" / "crossbar-cookietrack"
    return InstalledNode(folder, config, command=str(launcher))


def by_cookie(clients: Clients, url: str, cookie: str) -> Session:
    return clients.open(url, cookie, ("cookie", "wampcra"), "alice", "alice-secret")


def test_the_package_passes_its_own_tests_where_it_is_installed(
    environment: Path, tmp_path: Path
) -> None:
    tests = environment / "third_party_store" / "tests"
    pytest_ = (environment / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", "-v")
    printed = run(*pytest_, "--basetemp", tmp_path / "tests", tests, cwd=tmp_path)
    assert "test_what_was_acknowledged_survives_kill_9 PASSED" in printed


def test_the_plugin_comes_from_its_wheel(environment: Path, tmp_path: Path) -> None:
    code = "import cookietrack_plugin, cookietrack_diskcache as d; print(cookietrack_plugin, d)"
    printed = run(environment / "bin" / "python", "-c", code, cwd=tmp_path)
    assert printed.count(str(environment / "lib")) == 2


@pytest.mark.node
def test_a_node_on_the_type_remembers_a_login_until_the_logout(
    environment: Path, tmp_path: Path, clients: Clients
) -> None:
    port = free_port()
    url = f"ws://localhost:{port}/"
    node = example_node(environment, tmp_path, port)
    with running(node, port):
        first = clients.login(url)
        assert first.challenged
        again = by_cookie(clients, url, first.cookie)
        assert (again.challenged, again.authprovider, again.authid) == (False, "cookie", "alice")
    with running(node, port):
        again = by_cookie(clients, url, first.cookie)
        assert (again.challenged, again.authprovider, again.authid) == (False, "cookie", "alice")
        again.leave("wamp.close.logout")
        assert by_cookie(clients, url, first.cookie).challenged
    with running(node, port):
        assert by_cookie(clients, url, first.cookie).challenged
    assert (tmp_path / ".crossbar" / "cookies" / "cache.db").exists()


@pytest.mark.node
def test_crossbars_check_speaks_for_the_type(environment: Path, tmp_path: Path) -> None:
    node = example_node(environment, tmp_path, free_port())
    assert node.run("check").returncode == 0
    text = json.dumps(node.config).replace('"path": "cookies"', '"paht": "cookies"')
    wrong = InstalledNode(tmp_path, json.loads(text), command=node.command).run("check")
    assert wrong.returncode != 0
    assert '"paht"' in wrong.stdout
    assert 'did you mean "path"?' in wrong.stdout

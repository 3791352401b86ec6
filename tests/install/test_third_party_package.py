"""A third party's store as an outsider gets it: installed with pip, beside the plugin's wheel."""

import json
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cookietrack_plugin.testing import TEMPLATE
from cookietrack_plugin.testing.badge import badge
from servers.ports import free_port
from servers.process import IN_MEMORY
from tests.install.conftest import EXAMPLE, EXAMPLES, run
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


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder for what would wait for the disk, hundreds of times."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        yield Path(folder)


@pytest.mark.server
@pytest.mark.parametrize("name", ["rocksdb", "etcd"])
def test_a_package_passes_the_kit_where_it_is_installed(
    environment: Path, in_memory: Path, name: str
) -> None:
    tests = environment / "stores" / name / "tests"
    pytest_ = (environment / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", "-v")
    printed = run(*pytest_, "--basetemp", in_memory / "tests", tests, cwd=in_memory)
    assert "test_what_was_acknowledged_survives_kill_9 PASSED" in printed
    assert "test_it_answers_again_when_a_fault_is_over PASSED" in printed


@pytest.fixture
def etcd_url(tmp_path: Path) -> Iterator[str]:
    spec = spec_from_file_location("etcd_server", EXAMPLES / "etcd" / "tests" / "server.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Server(tmp_path)
    server.start()
    yield server.url
    server.stop()


@pytest.mark.server
@pytest.mark.parametrize("name", ["rocksdb", "etcd"])
def test_a_readme_has_the_row_that_the_command_prints(
    environment: Path, tmp_path: Path, etcd_url: str, name: str
) -> None:
    place = etcd_url if name == "etcd" else "new"
    command = environment / "bin" / "cookietrack"
    printed = run(command, "conformance", f"{name}:{place}", "--only", "test_claims", cwd=tmp_path)
    table = "\n".join(line for line in printed.splitlines() if line.startswith("|"))
    versions = rf"Of cookietrack-{name} \S+, cookietrack-plugin \S+\.\n"
    assert re.search(rf"^{versions}", printed, re.MULTILINE)
    shown = rf"<!-- row -->\n!.*\n\n{re.escape(table)}\n\n{versions}<!-- /row -->"
    assert re.search(shown, (EXAMPLES / name / "README.md").read_text())


@pytest.mark.parametrize("name", ["rocksdb", "etcd"])
def test_a_readme_has_the_badge_and_says_what_it_says(name: str) -> None:
    readme = (EXAMPLES / name / "README.md").read_text()
    [(label, said)] = re.findall(r"!\[(.*): (\d+ passed)\]\(kit\.svg\)", readme)
    assert (EXAMPLES / name / "kit.svg").read_text() == badge(label, said, True)


def test_the_template_comes_with_the_wheel(environment: Path) -> None:
    (found,) = (environment / "lib").glob("python*/site-packages/cookietrack_plugin/testing")
    assert names_in(found / "template") == names_in(TEMPLATE)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_plugin_comes_from_its_wheel(environment: Path, tmp_path: Path) -> None:
    code = "import cookietrack_plugin, cookietrack_rocksdb as d; print(cookietrack_plugin, d)"
    printed = run(environment / "bin" / "python", "-c", code, cwd=tmp_path)
    assert printed.count(str(environment / "lib")) == 2
    schema = "cookietrack_plugin/config/cookie.schema.json"
    assert [*(environment / "lib").glob(f"python*/site-packages/{schema}")]


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
    assert (tmp_path / ".crossbar" / "cookies" / "CURRENT").exists()


@pytest.mark.node
def test_crossbars_check_speaks_for_the_type(environment: Path, tmp_path: Path) -> None:
    node = example_node(environment, tmp_path, free_port())
    assert node.run("check").returncode == 0
    text = json.dumps(node.config).replace('"path": "cookies"', '"paht": "cookies"')
    wrong = InstalledNode(tmp_path, json.loads(text), command=node.command).run("check")
    assert wrong.returncode != 0
    assert '"paht"' in wrong.stdout
    assert 'did you mean "path"?' in wrong.stdout

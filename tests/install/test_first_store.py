"""The tutorial "Your first store", from the first line to the last in a copy of a clone."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from servers.ports import free_port
from servers.process import IN_MEMORY
from tests.install.conftest import REPOSITORY, SOURCES, add_crossbar
from tests.support.node import accepts, wait_for
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.install, pytest.mark.node, pytest.mark.timeout(1800)]

PAGE = (REPOSITORY / "docs" / "tutorials" / "first-store.md").read_text()
LINES = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
BLOCKS = re.findall(r"```(?:toml|python|json)\n(.*?)```", PAGE, re.DOTALL)
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
TYPE = "notes"
# What pressing Enter does, where nobody can be asked: the first choice, and the defaults.
ANSWERS = f"--defaults --data type={TYPE} --data engine=embedded"
# Of what is to be replaced, the line and the word in its place.
DELETION = re.compile(r"^( +).*DELETE FROM kept.*$", re.MULTILINE)


@pytest.fixture
def clone() -> Iterator[Path]:
    """The part of a clone that the page needs. The suite flushes a lot: in memory."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        for name in SOURCES:
            source, target = REPOSITORY / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=NOT_COPIED)
            else:
                shutil.copy(source, target)
        yield Path(folder)


def test_a_package_of_the_template_passes_fails_and_is_used(clone: Path) -> None:
    assert "For the others press Enter: the engine is embedded" in PAGE
    make, activate, plugin, copy, package, stores, suite, again, *node, promises = LINES
    assert activate == ". env/bin/activate"
    terminal = Terminal(clone / "env" / "bin", clone)
    terminal.run(make)
    add_crossbar(clone / "env")
    for line in (plugin, f"{copy} {ANSWERS}", package):
        terminal.run(line)
    assert re.search(rf"^{TYPE}\b", terminal.run(stores), re.MULTILINE)
    check_quoted(clone / "my-store")
    assert " failed" not in terminal.run(f"{suite} --basetemp=tmp")
    with broken(clone / "my-store"):
        said = terminal.run(f"{again} --basetemp=tmp", code=1)
    assert re.search(r'ICookieStore(\.\w+)?: "', said), said
    run_node(terminal, clone, node)
    check_promises(terminal, clone / "my-store" / "README.md", promises)


def check_quoted(package: Path) -> None:
    """What the page quotes is in the package."""
    lines = [
        line.strip()
        for name in ("pyproject.toml", "tests/test_store.py")
        for line in (package / name).read_text().splitlines()
    ]
    quoted = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
    assert len(quoted) >= 6
    for line in quoted:
        assert any(line in each for each in lines), line


@contextmanager
def broken(package: Path) -> Iterator[None]:
    """What the page says to change in the package, and to take back."""
    path = package / "cookietrack_notes" / "engine.py"
    assert f"Open `{path.relative_to(package.parent)}`" in PAGE
    assert "Find the line with `DELETE FROM kept`, and write `pass` in its place" in PAGE
    text = path.read_text()
    changed, count = DELETION.subn(r"\1pass", text)
    assert count == 1
    path.write_text(changed)
    yield
    path.write_text(text)


def run_node(terminal: Terminal, clone: Path, lines: list[str]) -> None:
    init, check, start, ls = lines
    port = free_port()
    terminal.run(f"{init} --port {port}")
    config = json.loads((clone / "myapp" / ".crossbar" / "config.json").read_text())
    shown = json.loads(BLOCKS[-1])
    [transport] = config["workers"][0]["transports"]
    assert transport["paths"]["ws"]["cookie"]["store"] == shown
    assert "looks good" in terminal.run(check)
    with terminal.running(start):
        wait_for(lambda: accepts(port), "the node listens")
        assert "0 cookies" in terminal.run(ls)


def check_promises(terminal: Terminal, readme: Path, line: str) -> None:
    """The template's README has the row that the command prints. The suite has run before."""
    printed = terminal.run(f"{line} --only test_claims")
    table = "\n".join(each for each in printed.splitlines() if each.startswith("|"))
    assert f"<!-- row -->\n{table}\n<!-- /row -->" in readme.read_text()

"""The tutorial "Your first store", followed in an environment that is made in a second."""

import re
import shutil
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from servers.ports import free_port
from servers.process import IN_MEMORY
from tests.support.node import accepts, wait_for
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "tutorials" / "first-store.md").read_text()
LINES = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
BLOCKS = re.findall(r"```(?:toml|python|json)\n(.*?)```", PAGE, re.DOTALL)
PACKAGE = Path("node_examples", "stores", "rocksdb")
PACKAGE_FOLDER = REPOSITORY / PACKAGE
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "cookies", "key.*")
# A few checks of each kind: tests/install runs all of them.
SOME = "-k 'test_claims or test_deleted or test_a_deleted or test_a_touch or test_records_last'"


@pytest.fixture
def clone() -> Iterator[Path]:
    """A folder with the part of a clone that the page needs. The suite flushes a lot: in memory."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        shutil.copytree(PACKAGE_FOLDER, Path(folder) / PACKAGE, ignore=NOT_COPIED)
        yield Path(folder)


@pytest.fixture
def terminal(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """One in which an environment is active that has what ours has, without an index."""
    pytest.importorskip("rocksdict")
    # Builds with the setuptools of the tests. What the package needs is there.
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "false")
    monkeypatch.setenv("PIP_NO_DEPS", "true")
    assert LINES[:2] == ["python3 -m venv env", ". env/bin/activate"]
    venv.create(clone / "env", symlinks=True)
    [packages] = (clone / "env" / "lib").glob("python*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    for name in ("pip", "pytest", "cookietrack", "crossbar-cookietrack"):
        write_command(clone / "env" / "bin", name)
    return Terminal(clone / "env" / "bin", clone)


def write_command(folder: Path, name: str) -> None:
    """What pip makes of an entry point, for the environment's own Python."""
    module, _, function = entry_points(group="console_scripts")[name].value.partition(":")
    path = folder / name
    call = f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    path.write_text(f"#!{folder / 'python'}\n{call}")
    path.chmod(0o755)


def test_the_store_is_installed_tested_broken_and_used(clone: Path, terminal: Terminal) -> None:
    install, stores, suite, again, check, start, ls = LINES[2:]
    terminal.run(install)
    assert "rocksdb" in terminal.run(stores)
    assert "failed" not in terminal.run(shortened(suite))
    with broken(clone):
        said = terminal.run(shortened(again), code=1)
    assert re.search(r'ICookieStore(\.\w+)?: "', said), said
    port = use_port(clone)
    assert "looks good" in terminal.run(check)
    with terminal.running(start):
        wait_for(lambda: accepts(port), "the node listens")
        assert "0 cookies" in terminal.run(ls)


def shortened(line: str) -> str:
    return f"{line} --basetemp=tmp {SOME}"


@contextmanager
def broken(clone: Path) -> Iterator[None]:
    """What the page says to change in the package, and to take back."""
    path = clone / PACKAGE / "cookietrack_rocksdb" / "engine.py"
    text = path.read_text()
    assert "find `batch.delete(key)`, and write `pass` in its place" in PAGE
    assert text.count("batch.delete(key)") == 1
    path.write_text(text.replace("batch.delete(key)", "pass"))
    yield
    path.write_text(text)


def use_port(clone: Path) -> int:
    """Alter the package's node to listen on a port that is free."""
    path, port = clone / PACKAGE / ".crossbar" / "config.json", free_port()
    text = path.read_text()
    assert text.count('"port": 8080') == 1
    path.write_text(text.replace('"port": 8080', f'"port": {port}'))
    return port


def test_what_the_page_quotes_is_in_the_package() -> None:
    names = ("pyproject.toml", "tests/test_store.py", ".crossbar/config.json")
    lines = [
        line.strip() for name in names for line in (PACKAGE_FOLDER / name).read_text().splitlines()
    ]
    quoted = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
    assert len(quoted) >= 6
    for line in quoted:
        assert any(line in each for each in lines), line

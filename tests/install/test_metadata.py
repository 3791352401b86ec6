"""What the wheel says of the package."""

import ast
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.install

# What Crossbar is made of comes with it, in the versions that it takes.
OF_CROSSBAR = {"autobahn", "cfxdb", "twisted", "txaio", "zlmdb"}


@pytest.fixture(scope="module")
def archive(wheel: Path) -> Iterator[ZipFile]:
    with ZipFile(wheel) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(archive: ZipFile) -> Message:
    [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
    return message_from_bytes(archive.read(name))


def imported(source: bytes) -> Iterator[str]:
    """The packages that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def test_it_requires_what_its_modules_import(archive: ZipFile, metadata: Message) -> None:
    modules = [each for each in archive.namelist() if each.endswith(".py")]
    names = {name for each in modules for name in imported(archive.read(each))}
    of = packages_distributions()
    required = {
        canonicalize_name(Requirement(each).name) for each in metadata.get_all("Requires-Dist", ())
    }
    others = names - sys.stdlib_module_names - {"cookietrack_plugin"} - OF_CROSSBAR
    assert {"crossbar", "attrs", "lmdb"} <= others
    assert [name for name in others if not required & set(map(canonicalize_name, of[name]))] == []


def test_the_wheel_describes_itself_without_pointing_into_the_repository(metadata: Message) -> None:
    description = metadata.get_payload()
    assert isinstance(description, str)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# cookietrack-plugin" in description
    assert [place for place in ("](docs/", "](node_examples/") if place in description] == []

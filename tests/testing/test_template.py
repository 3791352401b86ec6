"""The template of a store's package: its output works as it is, and the examples come from it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

import copier
import pytest
import yaml

from cookietrack_plugin.config.registry import GROUP
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.testing import TEMPLATE
from tests.support.users import call_as_nobody, need_root, open_folder

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "node_examples" / "stores"
CONFIG = REPOSITORY / "pyproject.toml"
AUTHOR = "The cookietrack-plugin project"
# What the examples have answered.
ANSWERS = {
    "etcd": {
        "type": "etcd",
        "engine": "shared",
        "summary": "in etcd: durable, replicated, shared by several nodes",
        "author": AUTHOR,
    },
    "rocksdb": {
        "type": "rocksdb",
        "engine": "embedded",
        "summary": "in RocksDB: durable, embedded, for one process",
        "driver": "rocksdict >= 0.3.29",
        "author": AUTHOR,
    },
}
OWN = distribution("cookietrack-plugin").entry_points.select(group=GROUP)
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def copied(folder, **answers):
    copier.run_copy(str(TEMPLATE), folder, data=answers, defaults=True, quiet=True)
    return folder


def files_in(folder):
    """The text of each file, by its name; none of a node's, or that a run leaves behind."""
    others = {"__pycache__", ".crossbar", ".hypothesis"}
    paths = (path for path in folder.rglob("*") if path.is_file() and others.isdisjoint(path.parts))
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_it_asks_five_questions():
    said = yaml.safe_load((TEMPLATE / "copier.yml").read_text())
    questions = {name: each for name, each in said.items() if not name.startswith("_")}
    asked = [name for name, each in questions.items() if each.get("when", True)]
    assert asked == ["type", "engine", "summary", "driver", "author"]
    assert all(questions[name]["help"] for name in asked)


@pytest.fixture
def in_memory():
    """A folder for what would wait for the disk, hundreds of times."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def test_a_package_whose_name_has_a_dash_works(tmp_path, in_memory):
    # tests/install/test_first_store.py shows that one without passes all of the kit.
    package = copied(tmp_path / "package", type="my-notes", engine="embedded")
    words = ["-q", "-c", os.devnull, "-p", "no:cacheprovider", f"--basetemp={in_memory / 'kit'}"]
    words += ["-k", "test_records_are_there_again"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--rootdir", package, package / "tests"],
        env={**os.environ, "PYTHONPATH": str(package), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "own"),
    [
        # tests/install shows that this one, too, passes the kit.
        ("etcd", {"README.md"}),
        ("rocksdb", {"README.md", ".gitignore", "engine.py", "provider.py", "test_store.py"}),
    ],
)
def test_an_example_is_what_the_template_gives(tmp_path, name, own):
    made = files_in(copied(tmp_path / "made", **ANSWERS[name]))
    found = files_in(EXAMPLES / name)
    # The badge is of a run of the kit.
    assert {*made, "kit.svg"} == set(found)
    for path in made:
        if Path(path).name not in own:
            assert made[path] == found[path], path


def test_its_readme_has_the_row_of_the_engine_that_it_begins_with(tmp_path):
    # tests/install/test_first_store.py compares the one of the embedded engine with the command's.
    made = files_in(copied(tmp_path / "made", **ANSWERS["etcd"]))["README.md"]
    row = r"^\| `etcd` \|.*"
    found = (EXAMPLES / "etcd" / "README.md").read_text()
    assert re.findall(row, made, re.MULTILINE) == re.findall(row, found, re.MULTILINE) != []


def test_its_package_names_its_licence(tmp_path):
    made = files_in(copied(tmp_path / "made", type="notes", engine="embedded"))
    project = tomllib.loads(made["pyproject.toml"])["project"]
    assert project["license"] == "EUPL-1.2"
    assert [name in made for name in project["license-files"]] == [True]
    assert f"SPDX-License-Identifier: {project['license']}\n" in made["LICENSE"]
    assert "Licensed under the EUPL 1.2" in made["README.md"]


def test_a_package_without_a_driver_names_none(tmp_path):
    made = files_in(copied(tmp_path / "made", type="notes", engine="embedded"))
    assert 'dependencies = ["cookietrack-plugin"]' in made["pyproject.toml"]
    assert 'notes = "cookietrack_notes.provider:NotesProvider"' in made["pyproject.toml"]
    assert "etcd" not in "".join(made.values())


@pytest.mark.parametrize("wrong", ["Notes", "9lives", "a_b", "", "my-", "a--b", "notes\n"])
def test_a_type_that_is_no_name_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="expected a lower-case letter"):
        copied(tmp_path / "made", type=wrong, engine="embedded")


@pytest.mark.parametrize("name", [*sorted(OWN.names), "plugin"])
def test_a_name_of_the_plugins_own_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="expected a name of its own"):
        copied(tmp_path / "made", type=name, engine="embedded")


@pytest.mark.parametrize("name", ["summary", "author", "driver"])
def test_an_answer_of_two_lines_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="expected one line"):
        copied(tmp_path / "made", engine="shared", **{name: "two\nlines"})


@pytest.mark.parametrize("engine", ["embedded", "shared"])
@pytest.mark.parametrize(
    "text", ['the "best" one', 'ends in a quote"', "back\\slash \\N", "'ü' <&> \U0001f36a", '"""']
)
def test_an_answer_may_have_any_characters(tmp_path, engine, text):
    answers = {"summary": text, "author": text, "driver": 'some; python_version < "3.12"'}
    made = files_in(copied(tmp_path / "made", type="x1-2y", engine=engine, **answers))
    project = tomllib.loads(made["pyproject.toml"])["project"]
    assert project["dependencies"] == ["cookietrack-plugin", answers["driver"]]
    assert project["authors"] == [{"name": text}]
    assert text in project["description"]
    for path in made:
        if path.endswith(".py"):
            # A backslash that escapes nothing is a warning.
            ast.parse(made[path])
    assert f"summary = {json_text(text)}" in made["cookietrack_x1_2y/provider.py"]


def json_text(text):
    return json.dumps(text, ensure_ascii=False)


def test_a_store_of_another_user_is_said_to_be_denied(tmp_path, monkeypatch):
    need_root()
    monkeypatch.syspath_prepend(copied(tmp_path / "made", type="denied", engine="embedded"))
    engine = import_module("cookietrack_denied.engine").DeniedEngine

    def attempt():
        with pytest.raises(ConfigError, match=r"permission denied, .* and this is nobody"):
            engine(path)

    with open_folder() as folder:
        path = str(folder / "cookies")
        # One that others can look into.
        os.mkdir(path)
        engine(path).close()
        assert call_as_nobody(attempt)


def test_its_output_is_formatted(tmp_path):
    for engine in ("embedded", "shared"):
        copied(tmp_path / engine, type="my-notes", engine=engine)
    command = [sys.executable, "-m", "ruff", "format", "--check", "--config", CONFIG, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""The template of a store's package: its output works as it is, and the examples come from it."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import copier
import pytest
import yaml

from cookietrack_plugin.testing import TEMPLATE

EXAMPLES = Path(__file__).parents[2] / "node_examples" / "stores"
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


def test_an_embedded_store_passes_the_kit_untouched(tmp_path, in_memory):
    package = copied(tmp_path / "package", type="my-notes", engine="embedded")
    words = ["-q", "-c", os.devnull, "-p", "no:cacheprovider", f"--basetemp={in_memory / 'kit'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--rootdir", package, package / "tests"],
        env={**os.environ, "PYTHONPATH": str(package), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "failed" not in done.stdout


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
    assert set(made) == set(found)
    for path in made:
        if Path(path).name not in own:
            assert made[path] == found[path], path


def test_a_package_without_a_driver_names_none(tmp_path):
    made = files_in(copied(tmp_path / "made", type="notes", engine="embedded"))
    assert 'dependencies = ["cookietrack-plugin"]' in made["pyproject.toml"]
    assert 'notes = "cookietrack_notes.provider:NotesProvider"' in made["pyproject.toml"]
    assert "etcd" not in "".join(made.values())


@pytest.mark.parametrize("wrong", ["Notes", "9lives", "a_b", ""])
def test_a_type_that_is_no_name_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="expected a lower-case letter"):
        copied(tmp_path / "made", type=wrong, engine="embedded")

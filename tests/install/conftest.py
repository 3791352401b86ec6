"""Fresh environments, as a user makes them: a virtual environment, pip, and the plugin's wheel."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "node_examples" / "stores"
EXAMPLE = EXAMPLES / "rocksdb"
SOURCES = ("cookietrack_plugin", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
# Each new environment has one of its own.
SETUPTOOLS = "setuptools"


def run(*command: object, cwd: Path | None = None) -> str:
    """Run a command without anything of the tests' own environment; what it prints."""
    own = ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name not in own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-5_000:]}"
    return done.stdout


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process of a parallel test run at a time."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder in all processes of a parallel test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "install"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def make_once(shared_folder: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder by a function, the first time that any process asks for it."""

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, made = shared_folder / name, shared_folder / f"{name}.made"
        with alone(shared_folder):
            if not made.exists():
                make(folder)
                made.touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def wheel(make_once: Callable[..., Path]) -> Path:
    """The plugin's wheel, from a copy of its sources: a build leaves files behind where it runs."""

    def build(folder: Path) -> None:
        source = folder / "source"
        source.mkdir(parents=True)
        for name in SOURCES:
            origin = REPOSITORY / name
            copy = shutil.copytree if origin.is_dir() else shutil.copy
            copy(origin, source / name)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps")
        run(*pip, "--wheel-dir", folder, source)

    (built,) = make_once("wheel", build).glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel: Path, make_once: Callable[..., Path]) -> Path:
    """A virtual environment with the wheel, Crossbar, and the examples of stores beside them."""

    def install(folder: Path) -> None:
        run(sys.executable, "-m", "venv", folder)
        add_crossbar(folder)
        pip = (
            folder / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--no-compile",
        )
        examples = shutil.copytree(EXAMPLES, folder / "stores")
        run(*pip, f"{wheel}[lmdb]", *(f"{example}[test]" for example in examples.iterdir()))

    return make_once("environment", install)


def add_crossbar(environment: Path) -> None:
    """
    Copy Crossbar, and all that it needs, from where the tests run: pip takes a minute to find it.
    What else a package of ours needs is still for pip to install, because that package says so.
    """
    (target,) = (environment / "lib").glob("python*/site-packages")
    for path in sorted(installed("crossbar")):
        if path.is_dir():
            shutil.copytree(path, target / path.name, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)


def installed(package: str) -> set[Path]:
    """What a package, and all that it needs, has put side by side into `site-packages`."""
    paths: set[Path] = set()
    waiting = [Requirement(package)]
    known: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted.name == SETUPTOOLS or str(wanted) in known:
            continue
        known.add(str(wanted))
        found = distribution(wanted.name)
        names = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
        paths |= {Path(str(found.locate_file(name))) for name in names}
        waiting += needs(found, wanted.extras)
    return paths


def needs(found: Distribution, extras: Collection[str]) -> Iterator[Requirement]:
    """What a package needs here, with these extras of its own."""
    for each in map(Requirement, found.requires or ()):
        if each.marker is None or any(
            each.marker.evaluate({"extra": extra}) for extra in extras or ("",)
        ):
            yield each

"""Running `cookietrack` in this process, and stores to run it on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cookietrack_plugin.admin import text
from cookietrack_plugin.admin.cli import main
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Cookie, Create
from cookietrack_plugin.stores.kit.paging import records
from tests.support.node import wait_for

PACKAGES = Path(__file__).parent.parent / "packages"
DAY = 86_400_000
JOE = Auth("joe", "user", "ticket", "realm1", {"token": "secret-token"})
NOW = int(time.time() * 1000)


def make_cookie(name: str, auth: Auth | None = None, **fields: Any) -> Cookie:
    """The record of the cookie whose value is `name`: two hours old, seen one hour ago."""
    times = {"created": NOW - 7_200_000, "expires": NOW + DAY, "seen": NOW - 3_600_000}
    known = {"peer": "tcp4:192.0.2.7:52410", "user_agent": "Mozilla/5.0"}
    return Cookie(id_of(name), auth=auth, **{**times, **known, **fields})


def expired(name: str, auth: Auth | None = None) -> Cookie:
    """The same, expired one hour and a half ago."""
    return make_cookie(name, auth, expires=NOW - 5_400_000)


class Stores:
    """Makes and reads stores by the name that an operator gives them, relative to one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self, name: str) -> Any:
        store_type, location = name.split(":", 1)
        key = {"file": "filename", "lmdb": "path", "observed": "url"}[store_type]
        item = {"type": store_type, key: location}
        return find_provider(store_type).open(item, str(self.directory))

    def make(self, name: str, cookies: Iterable[Cookie]) -> str:
        store = self.open(name)
        store.commit([Create(cookie) for cookie in cookies])
        store.close()
        return name

    def read(self, name: str) -> dict[str, Cookie]:
        store = self.open(name)
        cookies = {cookie.id: cookie for cookie in records(store)}
        store.close()
        return cookies


class Answer:
    """What a command has answered."""

    def __init__(self, result: Result) -> None:
        self.code = result.exit_code
        self.out = result.stdout
        self.err = result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info

    @property
    def json(self) -> Any:
        """The whole output as one value."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """A value for each line of the output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0].removeprefix("Error: ")


Run = Callable[..., Answer]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, in which no node is found by chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CROSSBAR_DIR", raising=False)
    return tmp_path


@pytest.fixture
def run(here: Path) -> Run:
    """`cookietrack` with these words; `input` are answers to its questions."""

    def run(*words: str, input: str | None = None) -> Answer:
        return Answer(CliRunner().invoke(main, words, input=input))

    return run


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command reads times from `NOW`, however long ago the tests were collected."""
    monkeypatch.setattr(text, "time", SimpleNamespace(time=lambda: NOW / 1000))


@pytest.fixture
def stores(here: Path) -> Stores:
    return Stores(here)


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The third party's store type `observed` is installed; its stores by url."""
    monkeypatch.syspath_prepend(PACKAGES / "observed")
    from observed_store import STORES

    yield STORES
    STORES.clear()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is there to be asked."""
    monkeypatch.setattr("cookietrack_plugin.admin.params.is_terminal", lambda: True)


@pytest.fixture
def make_node(here: Path) -> Callable[..., Path]:
    """A node directory with this configuration."""

    def make(config: Any, name: str = "node", file: str = "config.json") -> Path:
        directory = here / name
        directory.mkdir()
        text = config if isinstance(config, str) else json.dumps(config)
        (directory / file).write_text(text)
        return directory

    return make


def node_config(*stores: dict[str, Any]) -> dict[str, Any]:
    """A node with one worker, and a WebSocket transport for each store."""
    transports = [
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 1}, "cookie": {"store": store}}
        for store in stores
    ]
    return {"version": 2, "workers": [{"type": "router", "transports": transports}]}


@contextmanager
def node_process(directory: Path, *words: str) -> Iterator[int]:
    """
    A process that the `node.pid` in `directory` names, called `crossbar` or with other words; its
    pid. Until the kernel tells its words it would be taken for one that has just ended.
    """
    command = [sys.executable, "-c", "input()", *(words or ("crossbar",))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        wait_for(Path(f"/proc/{process.pid}/cmdline").read_bytes, "the process's words")
        file = directory / "node.pid"
        file.write_text(json.dumps({"pid": process.pid, "argv": []}))
        yield process.pid


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file below, with what is in it: to show that nothing was changed."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in files if path.name != "lock.mdb"}

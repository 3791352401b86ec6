"""The file store for tests: opening it, filling it, and spoiling its file."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from cookietrack_plugin.record import Auth, Cookie, Create
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.stores.file.store import FileStore
from cookietrack_plugin.stores.kit.backoff import Backoff
from cookietrack_plugin.stores.kit.paging import records

NAME = "cookies.dat"
# What there is of a store while nothing is wrong.
FILES = {NAME, f"{NAME}.lock"}
NOW = 1_800_000_000_000
DAY = 86_400_000
JOE = Auth("joe", "user", "ticket", "realm1", {"tenant": "acme"})


@pytest.fixture
def no_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that open a file hundreds of times, and do not cut the power."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    monkeypatch.setattr(os, "fdatasync", lambda fd: None)


class EagerFileProvider(FileProvider):
    """Opens stores that compact their file whenever half of it is dead, however small it is."""

    def open(self, options: Mapping[str, Any], node_dir: str) -> FileStore:
        store = super().open(options, node_dir)
        compact_always(store)
        return store


def compact_always(store: FileStore) -> None:
    """Have it compact its file from now on, however small it is, and retry without a pause."""
    store._ledger._compactor.compacts_from = 0
    schedule = store._ledger._compactor._schedule
    schedule._patient = schedule._urgent = Backoff(0.01, 0.01)


_opened: list[FileStore] = []


@pytest.fixture(autouse=True)
def closed_stores() -> Iterator[None]:
    """Closes what a test has opened with `open_file`. To be imported by its module."""
    yield
    while _opened:
        _opened.pop().close()


def open_file(
    directory: Path, provider: type[FileProvider] = FileProvider, **options: object
) -> FileStore:
    store = provider().open({"type": "file", "filename": NAME, **options}, str(directory))
    _opened.append(store)
    return store


def reopened(store: FileStore, directory: Path) -> FileStore:
    store.close()
    return open_file(directory)


def id_at(number: int) -> str:
    return f"{number:024d}"


def cookie_at(number: int, auth: Auth | None = None, expires: int = NOW + DAY) -> Cookie:
    return Cookie(id_at(number), NOW, expires, NOW, "tcp4:192.0.2.1:52410", "Mozilla/5.0", auth)


def create(
    numbers: Iterable[int], auth: Auth | None = None, expires: int = NOW + DAY
) -> list[Create]:
    return [Create(cookie_at(number, auth, expires)) for number in numbers]


def contents(store: FileStore) -> dict[str, Cookie]:
    return {cookie.id: cookie for cookie in records(store)}


def wait_for(condition: Callable[[], object]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline, "it did not come to it within a minute"
        sleep(0.005)


def rescued(directory: Path) -> bytes:
    """All that was kept of damaged lines."""
    return b"".join(path.read_bytes() for path in sorted(directory.glob(f"{NAME}.damaged-*")))

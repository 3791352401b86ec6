"""Crossbar's own stores, by their own classes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

from autobahn import util
from crossbar.router.cookiestore import CookieStoreDatabaseBacked, CookieStoreFileBacked

MAX_AGE = 86400
# What a router passes on as `authextra`, and Crossbar's stores keep.
ROUTER_EXTRA = {
    "x_cb_node": "node-12345",
    "x_cb_worker": "worker001",
    "x_cb_peer": "tcp4:192.0.2.1:51234",
    "x_cb_pid": 12345,
}


def open_file(path: Path) -> CookieStoreFileBacked:
    return CookieStoreFileBacked(str(path), {"max_age": MAX_AGE, "store": {"type": "file"}})


@contextmanager
def database(directory: Path, sync: bool = True) -> Iterator[CookieStoreDatabaseBacked]:
    """Crossbar has no way to close it: what it opened is closed as zLMDB says."""
    store = {"type": "database", "maxsize": 2**31, "sync": sync}
    # zLMDB prints, in the middle of the progress.
    with redirect_stdout(StringIO()):
        opened = CookieStoreDatabaseBacked(str(directory), {"max_age": MAX_AGE, "store": store})
    try:
        yield opened
    finally:
        opened._db.__exit__(None, None, None)


def log_in(store: CookieStoreDatabaseBacked, value: str, number: int, extra: object = None) -> None:
    store.setAuth(value, f"user{number}", "user", "ticket", extra, "realm1")


def write_file(path: Path, count: int) -> None:
    """
    What Crossbar's `file` store leaves behind after `count` cookies that logged in: a line for the
    new cookie and one for the login. Written without its flush for each.
    """
    value, authid = "<value>", "<authid>"
    created = _line(value)
    login = {"status": "modified", "modified": util.utcnow(), "authid": authid}
    names = {"authrole": "user", "authmethod": "ticket", "authrealm": "realm1"}
    lines = f"{json.dumps(created)}\n{json.dumps({**created, **login, **names})}\n"
    with path.open("w") as file:
        for number in range(count):
            numbered = lines.replace(value, f"{number:024}").replace(authid, f"user{number}")
            file.write(numbered)


def _line(value: str) -> dict[str, object]:
    empty = ("modified", "deleted", "authid", "authrole", "authmethod", "authrealm", "authextra")
    return {
        "cbtid": value,
        "status": "created",
        "created": util.utcnow(),
        "max_age": MAX_AGE,
        **dict.fromkeys(empty),
    }

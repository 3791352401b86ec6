"""What the tests of several modules open, and close in the end."""

import pytest

from cookietrack_plugin.stores.lmdb.store import LmdbProvider
from cookietrack_plugin.testing.process import StoreProcess

# Written here, where tests can reach into it; in a process of its own it does the same.
LMDB = {"type": "lmdb", "path": "cookies", "writer_process": False}


@pytest.fixture
def open_lmdb(tmp_path):
    """Opens the store in `cookies`, or as other options say, again each time it is called."""
    opened = []

    def open_lmdb(**options):
        opened.append(LmdbProvider().open({**LMDB, **options}, str(tmp_path)))
        return opened[-1]

    yield open_lmdb
    for store in opened:
        store.close()


@pytest.fixture
def start_lmdb(tmp_path):
    """Starts processes that will open the same store when they are told to."""
    started = []

    def start_lmdb(**options):
        started.append(StoreProcess(LmdbProvider, {**LMDB, **options}, str(tmp_path)))
        return started[-1]

    yield start_lmdb
    for process in started:
        process.kill()

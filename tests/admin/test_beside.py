"""Looks at a store beside a node that is about to open it."""

import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from cookietrack_plugin.admin.place import places
from cookietrack_plugin.stores.kit.paging import records
from tests.admin.conftest import JOE, make_cookie
from tests.support.node import wait_for

# By type: a lock that is held for a moment is met once in some hundreds.
OPENINGS = {"file": 200, "lmdb": 50, "sql": 50}
LOOKERS = 2
# Without a pause between the looks. Each writes a dot where it was let in or told to go away.
LOOKING = """
import sys
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.place import places
from cookietrack_plugin.errors import StoreLocked

[place] = places(sys.argv[1])
while True:
    try:
        with opened(place, "read", "") as store:
            store.stat()
    except StoreLocked:
        pass
    sys.stdout.write(".")
    sys.stdout.flush()
"""


@contextmanager
def lookers(name, folder):
    """Processes that look at the store all the time; a function that gives how many looks."""
    logs = [folder / f"looks{number}" for number in range(LOOKERS)]
    with ExitStack() as stack:
        for log in logs:
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", LOOKING, name], stdout=log.open("wb"))
            )
            stack.callback(process.kill)
        wait_for(lambda: all(log.stat().st_size for log in logs), "the first looks")
        yield lambda: sum(log.stat().st_size for log in logs)


# A looker that stands still while it holds SQLite's lock is waited for.
SQLITE = 'sql:{"url": "sqlite:///cookies.db", "timeout": 60}'


@pytest.mark.parametrize(
    "name", ["file:cookies.dat", "lmdb:cookies", SQLITE], ids=["file", "lmdb", "sqlite"]
)
def test_a_look_locks_no_node_out(run, here, stores, name):
    stores.make("lmdb:source", [make_cookie(str(n), JOE) for n in range(20)])
    run("migrate", "lmdb:source", name)
    [place] = places(name)
    with lookers(name, here) as looks:
        before = looks()
        for _ in range(OPENINGS[place.type]):
            store = place.provider.open(place.options, place.directory)
            assert len(list(records(store))) == 20
            store.close()
        assert looks() > before

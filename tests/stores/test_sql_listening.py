"""PostgreSQL says when something was revoked: who waits for it learns of it at once."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IRevocationSignal
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.sql import listener as sql_listener
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.databases import MariaDB, PostgreSQL
from servers.process import running
from tests.support.node import wait_for
from tests.support.opening import open_sql

pytest_plugins = ["tests.support.servers"]

PATIENCE = 30.0
# Longer than any test takes: a worker that polls comes too late.
LONG = 3600.0


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    with postgresql.database() as name:
        yield postgresql.url(name)


@pytest.fixture
def node(url: str) -> Iterator[Any]:
    """A store that listens, with a record in it."""
    store = open_sql(url, pool_size=2)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(5)])
    store.await_revocation(LONG)
    yield store
    store.close()


@pytest.fixture
def other(url: str, node: Any) -> Iterator[Any]:
    """The same store, as another node has it."""
    store = open_sql(url)
    yield store
    store.close()


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def waiting(thread: ThreadPoolExecutor, node: Any) -> "Future[None]":
    """The thread waits for a revocation, and does so already."""
    listening = node._listener
    future = thread.submit(node.await_revocation, LONG)
    wait_for(lambda: listening._in_use.locked(), "the thread does not wait")
    return future


def backends(server: PostgreSQL, name: str) -> list[int]:
    """The server processes in which somebody listens."""
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'LISTEN%'"
    return [pid for (pid,) in server.execute(query)]


@pytest.mark.server
def test_a_revocation_on_another_node_ends_the_waiting(node: Any, other: Any, thread: Any):
    _, cursor = node.revoked_since(None)
    told = waiting(thread, node)
    other.commit([Delete(make_id(1))])
    told.result(PATIENCE)
    assert node.revoked_since(cursor)[0] == [make_id(1)]


@pytest.mark.server
def test_what_is_revoked_while_nobody_waits_ends_the_next_waiting(
    node: Any, other: Any, thread: Any
):
    other.commit([Delete(make_id(1))])
    thread.submit(node.await_revocation, LONG).result(PATIENCE)


@pytest.mark.server
def test_what_revokes_nothing_wakes_nobody(node: Any, other: Any):
    other.commit([Create(make_cookie(9)), Delete(make_id(99))])
    connection = node._listener._connection
    assert node._listener._notifications(connection, 0) == []


@pytest.mark.server
def test_listening_takes_no_connection_from_the_pool(node: Any):
    """With a pool of two, of which one may write while the other reads."""
    with node._engine.connect(), node._engine.connect():
        pass
    assert node._engine.pool.checkedout() == 0


@pytest.mark.server
def test_a_lost_connection_is_told_and_made_again(
    node: Any, other: Any, thread: Any, postgresql: PostgreSQL, url: str
):
    told = waiting(thread, node)
    [pid] = backends(postgresql, url.rsplit("/", 1)[1])
    postgresql.execute(f"SELECT pg_terminate_backend({pid})")
    # What the server says before it hangs up can wake it, too.
    with suppress(StoreUnavailable):
        told.result(PATIENCE)
        thread.submit(node.await_revocation, LONG).result(PATIENCE)
    thread.submit(node.await_revocation, LONG).result(PATIENCE)
    told = waiting(thread, node)
    other.commit([Delete(make_id(1))])
    told.result(PATIENCE)


@pytest.mark.server
def test_closing_a_store_ends_the_waiting(node: Any, thread: Any):
    told = waiting(thread, node)
    node.close()
    told.result(PATIENCE)
    with pytest.raises(StoreUnavailable, match="closed"):
        node.await_revocation(LONG)


@pytest.mark.server
def test_an_interrupted_store_listens_no_more_and_does_all_else(node: Any, thread: Any):
    told = waiting(thread, node)
    node.interrupt()
    told.result(PATIENCE)
    thread.submit(node.await_revocation, LONG).result(PATIENCE)
    assert node.commit([Delete(make_id(1))]) == [True]


@pytest.mark.server
def test_where_notifications_do_not_arrive_it_says_so(url: str, monkeypatch: pytest.MonkeyPatch):
    """As behind a pooler that gives each transaction another connection."""
    monkeypatch.setattr(sql_listener, "_ECHO_S", 0.05)
    store = open_sql(url)

    @event.listens_for(store._engine, "before_cursor_execute", retval=True)
    def lead_astray(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any):
        return statement.replace("LISTEN ", "UNLISTEN "), parameters

    with pytest.raises(StoreUnavailable, match="no notification arrives after LISTEN"):
        store.await_revocation(LONG)
    assert store.revoked_since(None)[0] == []
    store.close()


@pytest.mark.server
def test_a_silent_server_is_noticed(monkeypatch: pytest.MonkeyPatch):
    """Something in between may have forgotten a connection on which nothing was said for long."""
    monkeypatch.setattr(sql_listener, "_SILENCE_S", 0)
    with running(PostgreSQL()) as server, server.database() as name:
        store = open_sql(server.url(name), timeout=1)
        store.await_revocation(0)
        store.await_revocation(0)
        with server.paused(), pytest.raises(StoreUnavailable):
            store.await_revocation(0)
        store.close()


@pytest.mark.server
def test_mariadb_cannot_tell(mariadb: MariaDB):
    with mariadb.database() as name:
        store = open_sql(mariadb.url(name))
        assert not IRevocationSignal.providedBy(store)
        store.close()


def test_sqlite_cannot_tell(tmp_path: Any):
    store = open_sql(f"sqlite:///{tmp_path}/cookies.sqlite")
    assert not IRevocationSignal.providedBy(store)
    store.close()

"""A database server that follows another one, is set up another way, or was left by a node."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.databases import MariaDB, PostgreSQL
from servers.process import running
from tests.support.node import wait_for
from tests.support.silence import answers

pytestmark = pytest.mark.server

LOGIN = Create(make_cookie(1, make_auth()))


def open_sql(url: str, timeout: float = 5) -> Any:
    options = {"type": "sql", "url": url, "timeout": timeout}
    SqlProvider().check(options)
    return SqlProvider().open(options, ".")


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    with running(MariaDB()) as server:
        yield server


@pytest.fixture
def url(mariadb: MariaDB) -> Iterator[str]:
    with mariadb.database() as name:
        yield mariadb.url(name)


def administer(mariadb: MariaDB, *statements: str) -> None:
    with closing(mariadb.connect()) as connection, closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_postgresql_that_became_a_standby_lets_nobody_in():
    with running(PostgreSQL()) as server, server.database() as name:
        store = open_sql(server.url(name))
        store.commit([LOGIN])
        server.stop()
        signal = server.folder / "data" / "standby.signal"
        signal.touch()
        server.start()
        # On the connection that is gone first.
        wait_for(lambda: "is a standby" in _refusal(store), "the store asks who it is")
        with pytest.raises(StoreUnavailable, match="is a standby: it may not know"):
            open_sql(server.url(name))
        with closing(server.connect()) as connection:
            connection.execute("SELECT pg_promote()")
        wait_for(lambda: answers(store), "it is the primary")
        assert set(store.load([make_id(1)])) == {make_id(1)}
        store.close()


def _refusal(store: Any) -> str:
    try:
        store.load([make_id(1)])
    except StoreUnavailable as error:
        return str(error)
    return ""


def test_a_mariadb_that_became_a_replica_lets_nobody_in_on_connections_that_stay(mariadb, url):
    store = open_sql(url)
    store.commit([LOGIN])
    _, cursor = store.revoked_since(None)
    administer(mariadb, "SET GLOBAL read_only = ON")
    try:
        for ask in (
            lambda: store.load([make_id(1)]),
            lambda: store.revoked_since(None),
            lambda: store.revoked_since(cursor),
        ):
            with pytest.raises(StoreUnavailable, match="is read-only: it may not know"):
                ask()
    finally:
        administer(mariadb, "SET GLOBAL read_only = OFF")
    assert set(store.load([make_id(1)])) == {make_id(1)}
    store.close()


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "ANSI", "ORACLE", "PIPES_AS_CONCAT", ""])
def test_a_mariadb_in_another_mode_is_a_store_as_any(mode, mariadb, url):
    administer(mariadb, f"SET GLOBAL sql_mode = '{mode}'")
    try:
        store = open_sql(url)
        assert store.commit([LOGIN, Delete(make_id(2))]) == [True, False]
        assert set(store.load([make_id(1)])) == {make_id(1)}
        assert store.revoke_user("joe", None) == 1
        store.close()
    finally:
        administer(mariadb, "SET GLOBAL sql_mode = DEFAULT")


def test_a_node_that_vanishes_in_a_transaction_keeps_nobody_from_logging_out(mariadb, url):
    """Cut off, its locks would stand for as long as the server's `wait_timeout`, eight hours."""
    vanishing, store = open_sql(url, timeout=1), open_sql(url, timeout=1)
    store.commit([LOGIN])
    with closing(vanishing._engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("DELETE FROM cookietrack")

        def logs_out() -> bool:
            try:
                store.commit([Delete(make_id(1))])
            except StoreUnavailable:
                # Whether it was done is not known.
                return False
            return True

        wait_for(logs_out, "the server ends the transaction")
        assert store.load([make_id(1)]) == {}
        connection.invalidate()
    vanishing.close()
    store.close()

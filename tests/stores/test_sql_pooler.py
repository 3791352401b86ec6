"""PostgreSQL behind PgBouncer, which gives each transaction a connection that others have too."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.stores.sql.transaction import transaction
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PostgreSQL
from servers.pgbouncer import PgBouncer
from servers.process import running
from tests.support.node import wait_for
from tests.support.opening import open_sql

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
# One connection: what somebody leaves there, the next one gets.
ONE = "default_pool_size = 1"


@pytest.fixture(params=["", "ignore_startup_parameters = options", "pool_mode = session"])
def pooler(request: pytest.FixtureRequest, postgresql: PostgreSQL) -> Iterator[PgBouncer]:
    settings = ["default_pool_size = 6"] if "session" in request.param else [ONE]
    with running(PgBouncer(postgresql, request.param, *settings)) as pooler:
        yield pooler


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:
    with postgresql.database() as name:
        yield name


@pytest.fixture
def store(pooler: PgBouncer, database: str) -> Iterator[SqlStore]:
    store = open_sql(pooler.url(database), timeout=7)
    yield store
    store.close()


def use(store: SqlStore) -> None:
    """Everything that a node does with its store."""
    _, cursor = store.revoked_since(None)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(4)])
    login = Authenticate(make_id(0), make_auth("mary"), NOW, cursor)
    assert store.commit([login, make_touch(1), Delete(make_id(2))]) == [True] * 3
    assert store.commit([Delete(make_id(1))]) == [True]
    assert set(store.load([make_id(n) for n in range(4)])) == {make_id(0), make_id(3)}
    assert store.revoke_user("joe", "realm1") == 1
    assert store.expire(NOW * 2, 10) == 1
    assert len(list(store.revoked_since(cursor)[0])) == 4
    assert store.page(None, 10) == ([], None)
    assert store.stat()["cookies"] == 0


def test_others_find_the_connections_as_they_left_them(
    pooler: PgBouncer, database: str, store: SqlStore
):
    use(store)
    with pytest.raises(StoreUnavailable, match="pooler"):
        store.await_revocation(0)
    with closing(pooler.connect(database)) as other:
        for name in TIMEOUTS:
            assert other.execute(f"SHOW {name}").fetchone() == ("0",)
        listening = "SELECT count(*) FROM pg_listening_channels()"
        assert other.execute(listening).fetchone() == (0,)
        prepared = "SELECT count(*) FROM pg_prepared_statements"
        assert other.execute(prepared).fetchone() == (0,)


def test_what_others_left_there_does_no_harm(pooler: PgBouncer, database: str, store: SqlStore):
    with closing(pooler.connect(database)) as other:
        other.execute("SET default_transaction_isolation = 'serializable'")
        use(store)


def test_transactions_have_their_bounds_all_the_same(store: SqlStore):
    with store._engine.connect() as connection, transaction(connection):
        for name in TIMEOUTS[:2]:
            assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "7s"


def test_without_a_pooler_each_statement_has_its_bounds(postgresql: PostgreSQL, database: str):
    store = open_sql(postgresql.url(database), timeout=7)
    with store._engine.connect() as connection:
        for name in TIMEOUTS[:2]:
            assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "7s"
    store.close()


def test_a_standby_behind_a_connection_that_stays_lets_nobody_in():
    """PgBouncer hides from its clients that the server behind it is another one."""
    with ExitStack() as stack:
        server = stack.enter_context(running(PostgreSQL()))
        name = stack.enter_context(server.database())
        with running(PgBouncer(server, ONE, "server_login_retry = 1")) as pooler:
            store = open_sql(pooler.url(name), timeout=10)
            store.commit([Create(make_cookie(1, make_auth()))])
            _, cursor = store.revoked_since(None)
            server.stop()
            (server.folder / "data" / "standby.signal").touch()
            server.start()
            for ask in (
                lambda: store.load([make_id(1)]),
                lambda: store.revoked_since(cursor),
                lambda: store.revoked_since(None),
                lambda: store.commit([Delete(make_id(1))]),
                lambda: store.commit([make_touch(1)]),
            ):
                wait_for(lambda ask=ask: _refusal(ask), "it is a standby")
            with closing(server.connect()) as connection:
                connection.execute("SELECT pg_promote()")
            wait_for(lambda: not _refusal(lambda: store.load([make_id(1)])), "it is the primary")
            assert set(store.load([make_id(1)])) == {make_id(1)}
            store.close()


def _refusal(ask: Any) -> bool:
    """Whether a server answers, and is not believed."""
    try:
        ask()
    except StoreUnavailable as error:
        return any(words in str(error) for words in ("is a standby", "read-only transaction"))
    return False

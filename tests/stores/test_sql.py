"""The SQL store on real databases: the contract, and what can be wrong around it."""

import logging
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import URL, create_engine, event, text

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    PositionLost,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.record import Authenticate, Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.sql import engine as sql_engine
from cookietrack_plugin.stores.sql import feed as sql_feed
from cookietrack_plugin.stores.sql import schema as sql_schema
from cookietrack_plugin.stores.sql import stat as sql_stat
from cookietrack_plugin.stores.sql.driver import run_script
from cookietrack_plugin.stores.sql.engine import make_engine
from cookietrack_plugin.stores.sql.feedwriter import mysql as feedwriter_mysql
from cookietrack_plugin.stores.sql.feedwriter import postgresql as feedwriter_postgresql
from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.stores.sql.types import MYSQL
from cookietrack_plugin.stores.sql.url import driven, parse_url, shown, under
from cookietrack_plugin.testing import DurableStoreSuite
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PASSWORD, Database, MariaDB, PostgreSQL
from servers.ports import free_port
from servers.process import running
from tests.support.node import wait_for
from tests.support.opening import open_sql
from tests.support.rivals import contradictions, told_and_revoked
from tests.support.silence import answers, check_unavailable
from tests.support.statements import statements

pytest_plugins = ["tests.support.servers", "tests.support.databases"]

SQLITE = "sqlite:///cookies.sqlite"
NOBODY = "NAME_OF_NO_VARIABLE"
USER_COLUMNS = ("authid", "authrealm", "keep")
RIGHTS: Mapping[type[Database], str] = {
    PostgreSQL: "CREATE, SELECT, INSERT, UPDATE and DELETE",
    MariaDB: "CREATE, INDEX, ALTER, SELECT, INSERT, UPDATE and DELETE",
}


def execute(url: str, node_dir: object, *statements: str) -> None:
    """Do something to the database behind the store's back."""
    engine = create_engine(driven(under(parse_url(url), str(node_dir))))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def be_older(url: str) -> None:
    """Make the tables those of format 1."""
    dropped = [f"ALTER TABLE cookietrack_revoked DROP COLUMN {name}" for name in USER_COLUMNS]
    dropped += ["DROP TABLE cookietrack_fences", "UPDATE cookietrack_meta SET version = 1"]
    if url.startswith("mysql"):
        dropped.append("DROP TABLE cookietrack_locks")
    execute(url, ".", *dropped)


# -- the contract ---------------------------------------------------------------------------------


class SqlSuite(DurableStoreSuite):
    provider = SqlProvider
    options: Mapping[str, Any] = {"type": "sql", "url": SQLITE}
    wrong_options = [
        ("url", {"type": "sql"}),
        ("url", {"type": "sql", "url": "somewhere"}),
        ("table", {"type": "sql", "url": SQLITE, "table": "cookies; DROP TABLE users"}),
        ("timeout", {"type": "sql", "url": SQLITE, "timeout": 0}),
        ("pool_size", {"type": "sql", "url": SQLITE, "pool_size": 1}),
    ]
    lacks = {"limit": "how much room there is, the database decides"}

    def damage(self, options: Mapping[str, Any], node_dir: Path, id: str) -> None:
        broken = "'\\xff'" if "postgresql" in options["url"] else "X'ff'"
        damage = f"UPDATE cookietrack SET authextra = {broken} WHERE id = '{id}'"
        execute(options["url"], node_dir, damage)

    def plant(self, options: Mapping[str, Any], node_dir: Path) -> None:
        execute(options["url"], node_dir, "CREATE TABLE cookietrack (recipe INTEGER)")


class TestSqlite(SqlSuite):
    pass


class ServerSuite(SqlSuite):
    """Each step of what is random takes longer there. `make campaign` has it at size."""

    histories = 10
    rounds = 8


@pytest.mark.server
class TestPostgreSQL(ServerSuite):
    @pytest.fixture
    def store_options(self, postgresql: PostgreSQL) -> Iterator[dict[str, Any]]:
        with postgresql.database() as name:
            yield {"type": "sql", "url": postgresql.url(name)}


# What it does otherwise is measured by the tests below, on every database.
@pytest.mark.no_cover
@pytest.mark.server
class TestMariaDB(ServerSuite):
    @pytest.fixture
    def store_options(self, mariadb: MariaDB) -> Iterator[dict[str, Any]]:
        with mariadb.database() as name:
            yield {"type": "sql", "url": mariadb.plain_url(name)}


# -- every database -------------------------------------------------------------------------------


@pytest.fixture
def url(each_database: str) -> str:
    return each_database


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = open_sql(url)
    yield store
    store.close()


@pytest.fixture
def other(url: str, store: SqlStore) -> Iterator[SqlStore]:
    """The same store, as another node has it."""
    other = open_sql(url)
    yield other
    other.close()


def test_texts_that_databases_refuse_are_kept_apart(store: SqlStore):
    names = ["a\0", "a\ud800", "a\udfff", "a\ufdd0", "a\ufdd00000", "a", "a "]
    names += ["a\\u0000", "a\\ud800", "\N{GRINNING FACE}\\"]
    cookies = [
        evolve(make_cookie(n, make_auth(name)), user_agent=name) for n, name in enumerate(names)
    ]
    store.commit([Create(cookie) for cookie in cookies])
    for name, cookie in zip(names, cookies, strict=True):
        assert list(records(store, authid=name)) == [cookie]


def test_a_user_agent_of_a_megabyte_spoils_no_batch(store: SqlStore):
    long = evolve(make_cookie(1), user_agent="\N{GRINNING FACE}" * 250_000)
    assert store.commit([Create(make_cookie(0)), Create(long)]) == [True, True]
    assert store.load([long.id]) == {long.id: long}


def test_two_stores_with_two_tables_share_a_database(url: str, store: SqlStore):
    neighbour = open_sql(url, table="other")
    store.commit([Create(make_cookie(1))])
    assert neighbour.load([make_id(1)]) == {}
    assert neighbour.stat()["cookies"] == 0
    neighbour.close()


def test_a_closed_store_does_not_connect_again(store: SqlStore):
    store.close()
    store.close()
    for call in (
        lambda: store.load([make_id(1)]),
        lambda: store.load([]),
        lambda: store.commit([Create(make_cookie(1))]),
        lambda: store.commit([]),
        lambda: store.expire(NOW, 1),
        lambda: list(records(store)),
        lambda: store.stat(),
        lambda: store.revoked_since(None),
        lambda: store.revoke_user(None, None),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            call()


def test_a_batch_takes_few_statements_however_many_changes(store: SqlStore):
    ids = range(500)
    with statements(store) as creating:
        assert all(store.commit([Create(make_cookie(n)) for n in ids]))
    with statements(store) as loading:
        assert len(store.load([make_id(n) for n in ids])) == len(ids)
    with statements(store) as updating:
        logins = [Authenticate(make_id(n), make_auth(), NOW) for n in ids]
        assert all(store.commit([*logins, *(make_touch(n) for n in ids)]))
    with statements(store) as deleting:
        assert all(store.commit([Delete(make_id(n)) for n in ids]))
    name = store._engine.dialect.name
    assert len(creating) == (4 if name in MYSQL else 1)
    assert len(loading) == 1
    assert len(updating) == 4
    assert len(deleting) == (5 if name == "sqlite" else 1)


# -- several nodes --------------------------------------------------------------------------------


def test_nodes_that_change_the_same_records_at_once_contradict_nobody(
    store: SqlStore, other: SqlStore
):
    assert contradictions(store, other) == []


def test_no_revocation_is_left_out_however_commits_overlap(url: str, store: SqlStore):
    """A later number is never seen before an earlier one."""
    writers = [open_sql(url) for _ in range(3)]
    told, revoked = told_and_revoked(store, *writers)
    assert told == revoked
    for writer in writers:
        writer.close()


def test_a_backlog_is_read_in_pages(store: SqlStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sql_feed, "_PAGE", 3)
    _, cursor = store.revoked_since(None)
    for count in (7, 6):
        ids = [make_id(n) for n in range(count)]
        store.commit([Create(make_cookie(n)) for n in range(count)])
        store.commit([Delete(id) for id in ids])
        with statements(store) as reading:
            told, cursor = store.revoked_since(cursor)
        assert (told, len(reading)) == (ids, 3)
    assert store.revoked_since(cursor) == ([], cursor)


def test_a_cursor_of_another_history_is_refused(store: SqlStore):
    """As after a restore from a backup: the numbers are there, and stand for other revocations."""
    number, _ = store.revoked_since(None)[1]
    with pytest.raises(PositionLost, match="no longer known"):
        store.revoked_since((number, "another"))
    with pytest.raises(PositionLost, match="no longer known"):
        store.revoked_since((number + 1, "never was"))
    for foreign in ("1-0", ("1-0",), (number, 1), (2**63, "x"), (-1, "x")):
        with pytest.raises(PositionLost):
            store.revoked_since(foreign)


def test_old_revocations_are_forgotten_and_old_cursors_refused(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
):
    store.commit([Create(make_cookie(n)) for n in range(10)])
    _, old = store.revoked_since(None)
    store.commit([Delete(make_id(n)) for n in range(10)])
    _, new = store.revoked_since(old)
    store.expire(NOW, 10)
    assert len(store.revoked_since(old)[0]) == 10
    monkeypatch.setattr(sql_feed, "KEPT_MS", -1)
    store.expire(NOW, 10)
    with pytest.raises(PositionLost, match="no longer known"):
        store.revoked_since(old)
    assert store.revoked_since(new) == ([], new)


def test_more_of_them_are_forgotten_than_one_step_removes(
    url: str, store: SqlStore, monkeypatch: pytest.MonkeyPatch
):
    store.commit([Create(make_cookie(n)) for n in range(30)])
    store.commit([Delete(make_id(n)) for n in range(30)])
    execute(url, ".", "UPDATE cookietrack_revoked SET at = 0")
    monkeypatch.setattr(sql_feed, "_STEP", 3)
    sweeping = open_sql(url)
    _, last = sweeping.revoked_since(None)
    sweeping.expire(NOW, 10)
    assert sweeping.revoked_since(last) == ([], last)
    with sweeping._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM cookietrack_revoked")).scalar() == 1
    sweeping.close()


def test_a_cursor_that_was_the_last_for_long_is_kept(url: str, store: SqlStore):
    store.commit([Create(make_cookie(n)) for n in range(3)])
    store.commit([Delete(make_id(0)), Delete(make_id(1))])
    _, cursor = store.revoked_since(None)
    execute(url, ".", "UPDATE cookietrack_revoked SET at = 0")
    store.commit([Delete(make_id(2))])
    store.expire(NOW, 10)
    assert store.revoked_since(cursor)[0] == [make_id(2)]


# -- the format -----------------------------------------------------------------------------------


def test_nodes_that_start_at_once_make_the_tables_once(url: str):
    with ThreadPoolExecutor(6) as nodes:
        stores = list(nodes.map(lambda _: open_sql(url), range(6)))
    assert stores[0].commit([Create(make_cookie(1))]) == [True]
    assert all(make_id(1) in store.load([make_id(1)]) for store in stores)
    for store in stores:
        store.close()


def test_an_older_format_is_migrated_and_keeps_its_records(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    old = open_sql(url)
    old.commit([Create(make_cookie(1))])
    old.close()
    steps: list[str] = []

    def step(connection: Any, tables: Any) -> None:
        steps.append(tables.cookies.name)
        connection.execute(text("ALTER TABLE cookietrack ADD COLUMN device VARCHAR(20)"))

    monkeypatch.setattr(sql_schema, "STEPS", (*sql_schema.STEPS, step))
    for _ in range(2):
        new = open_sql(url)
        assert new.load([make_id(1)]) == {make_id(1): make_cookie(1)}
        new.close()
    assert steps == ["cookietrack"]
    monkeypatch.undo()
    with pytest.raises(StoreCorrupt, match=r"has format 4, and 3 is the newest.*upgrade"):
        open_sql(url)


def test_tables_from_before_users_were_revoked_are_migrated(url: str):
    store = open_sql(url)
    store.commit([Create(make_cookie(n, make_auth())) for n in range(2)])
    _, cursor = store.revoked_since(None)
    store.commit([Delete(make_id(1))])
    store.close()
    be_older(url)
    with pytest.raises(StoreUnavailable, match="of this version"):
        SqlProvider().open_readonly({"type": "sql", "url": url}, ".")
    migrated = open_sql(url)
    assert migrated.commit([Authenticate(make_id(0), make_auth(), NOW, cursor)]) == [True]
    assert migrated.revoke_user("joe", "realm1") == 1
    migrated.close()
    again = open_sql(url)
    assert again.revoked_since(cursor)[0] == [make_id(1), UserRevoked("joe", "realm1")]
    again.close()


def test_a_migration_that_was_interrupted_is_completed(url: str):
    """MySQL keeps each step of it."""
    open_sql(url).close()
    execute(url, ".", "ALTER TABLE cookietrack_revoked DROP COLUMN keep")
    execute(url, ".", "UPDATE cookietrack_meta SET version = 1")
    store = open_sql(url)
    assert store.revoke_user("joe", "realm1") == 0
    store.close()


def test_a_table_of_another_program_is_refused_and_left_alone(url: str):
    execute(url, ".", "CREATE TABLE cookietrack (recipe INTEGER)")
    message = r'table "cookietrack" is another program\'s .*: choose another "table"'
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=message):
            open_sql(url)
    execute(url, ".", "INSERT INTO cookietrack (recipe) VALUES (1)")
    open_sql(url, table="ours").close()


# -- what is wrong before anything is opened ------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"url": "oracle://host/db"},
            r'expected postgresql://, mysql.*, found the scheme "oracle"',
        ),
        ({"url": "postgresql+asyncpg://host/db"}, r'found the scheme "postgresql\+asyncpg"'),
        (
            {"url": "joe:secret@host"},
            r"expected a URL such as postgresql://.*, found text that is no URL",
        ),
        ({"url": "postgresql://joe:secret@host:port/db"}, r"found text that is no URL"),
        ({"url": "postgresql://joe:secret@host"}, r"expected one as in .*, found no database"),
        ({"url": "sqlite://"}, r"found no database"),
        ({"url": "postgresql://joe:secret@host/db?sslmode=on"}, r"disable, allow.*another sslmode"),
        ({"url": "sqlite:///:memory:"}, r"expected the path .*, found a database in memory"),
        ({"url": f"mysql://joe:${{{NOBODY}}}@host/db"}, rf"variable {NOBODY} is not set"),
        ({"url": "mysql://joe:${a-b}@host/db"}, r'found a "\$\{" that begins no variable'),
        ({"url": SQLITE, "table": "1st"}, r'"table".*expected up to 40 letters.*, found "1st"'),
        ({"url": SQLITE, "tabel": "x"}, r'"tabel".*did you mean "table"'),
        ({"url": 7}, r'"url" in the store item: expected a string, found an integer'),
    ],
)
def test_what_cannot_be_right_is_refused_by_check(options: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message) as refusal:
        SqlProvider().check({"type": "sql", **options})
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgresql://host/db", "psycopg", "postgresql"),
        ("mysql://host/db", "pymysql", "mysql"),
        ("mariadb://host/db", "pymysql", "mysql"),
    ],
)
def test_a_missing_driver_is_named_with_what_installs_it(
    url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, driver, None)
    message = rf'{driver} is not installed .*: pip install "cookietrack-plugin\[{extra}\]"'
    with pytest.raises(ConfigError, match=message):
        SqlProvider().check({"type": "sql", "url": url})


def test_a_password_comes_from_the_environment_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", PASSWORD)
    monkeypatch.setenv("HOST", "db.example.org:5433")
    url = parse_url("postgresql://joe:${SECRET}@${HOST}/db")
    assert (url.password, url.host, url.port) == (PASSWORD, "db.example.org", 5433)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "mysql", "mariadb"])
def test_a_url_is_shown_as_it_was_written_but_for_the_login(scheme: str):
    url = parse_url(f"{scheme}://joe:secret@host/db?sslpassword=secret")
    assert shown(url) == f"{scheme}://***@host/db"


def test_a_whole_url_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://joe:a%40b@host/db")
    assert parse_url("${DATABASE_URL}").password == "a@b"


# -- what is wrong when it is opened --------------------------------------------------------------


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue(request.param)


def refusal(url: str, caplog: pytest.LogCaptureFixture, **options: Any) -> CookieTrackError:
    """The error of an open(), which with all that was logged shows no password."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CookieTrackError) as caught:
        open_sql(url, **options)
    assert "\n" not in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert PASSWORD not in f"{chain}{chain!r}"
        chain = chain.__cause__
    assert PASSWORD not in caplog.text
    return caught.value


@pytest.mark.server
def test_a_wrong_password_is_named_as_that(server: Database, caplog: pytest.LogCaptureFixture):
    error = refusal(server.url(server.admin_database, PASSWORD + "x"), caplog)
    assert isinstance(error, ConfigError)
    assert "correct the user or the password" in str(error)


@pytest.mark.server
def test_a_database_that_is_not_there_is_named(server: Database, caplog: pytest.LogCaptureFixture):
    error = refusal(server.url("nowhere"), caplog)
    assert isinstance(error, ConfigError)
    assert "nowhere" in str(error)
    assert "create the database, or name another" in str(error)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_host_that_cannot_be_reached_is_unavailable(
    scheme: str, caplog: pytest.LogCaptureFixture
):
    port = free_port()
    url = f"{scheme}://joe:p%40ss%2Fw%3Ard%23%2541@127.0.0.1:{port}/db"
    error = refusal(url, caplog)
    assert type(error) is StoreUnavailable
    assert f"127.0.0.1:{port}/db does not answer" in str(error)
    assert re.search(r"\w: is it running|[)]: is it running", str(error))


@pytest.mark.server
def test_missing_rights_are_named(server: Database, caplog: pytest.LogCaptureFixture):
    with server.database() as name:
        if isinstance(server, PostgreSQL):
            server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        else:
            server.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            server.execute(f"GRANT SELECT ON {name}.* TO {name}@'127.0.0.1'")
        error = refusal(server.url(name, user=name), caplog)
    assert isinstance(error, ConfigError)
    assert f"grant the user {RIGHTS[type(server)]}" in str(error)


@pytest.mark.server
def test_the_rights_that_are_named_are_enough(mariadb: MariaDB):
    with mariadb.database() as name:
        mariadb.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        granted = RIGHTS[MariaDB].replace(" and", ",")
        mariadb.execute(f"GRANT {granted} ON {name}.* TO {name}@'127.0.0.1'")
        open_sql(mariadb.url(name, user=name)).close()
        be_older(mariadb.url(name))
        store = open_sql(mariadb.url(name, user=name))
        _, since = store.revoked_since(None)
        login = Authenticate(make_id(1), make_auth(), NOW, since)
        assert store.commit([Create(make_cookie(1)), login]) == [True, True]
        assert store.revoke_user("joe", None) == 1
        assert store.expire(NOW, 1) == 0
        store.close()


@pytest.mark.server
def test_a_database_that_cannot_hold_every_text_is_refused(postgresql: PostgreSQL):
    with postgresql.database() as name:
        latin = f"{name}_latin"
        postgresql.execute(
            f"CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
        with pytest.raises(
            ConfigError, match=r"expected one with UTF8 \(CREATE DATABASE .*encoding LATIN1"
        ):
            open_sql(postgresql.url(latin))


@pytest.mark.server
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_that_is_too_old_is_refused(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    server: Database = request.getfixturevalue(kind)
    monkeypatch.setitem(sql_schema._LEAST, kind, (99,))
    with (
        server.database() as name,
        pytest.raises(
            ConfigError, match=r"expected PostgreSQL from 12.*, found a server of version \d+\."
        ),
    ):
        open_sql(server.url(name))


def test_a_file_of_something_else_is_refused(tmp_path: Path):
    (tmp_path / "cookies.sqlite").write_text("a shopping list, and a long one at that\n" * 100)
    with pytest.raises(StoreCorrupt, match="not a database"):
        open_sql(SQLITE, tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere/cookies\.sqlite cannot be used: No such"):
        open_sql("sqlite:///nowhere/cookies.sqlite", tmp_path)


def test_one_that_another_node_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """SQLite does not wait for a writer when it makes the write-ahead log."""
    rival = sqlite3.connect(tmp_path / "cookies.sqlite", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        rival.rollback()

    monkeypatch.setattr(sql_engine, "sleep", pause)
    store = open_sql(SQLITE, tmp_path)
    assert len(pauses) == 1
    store.close()
    rival.close()


def test_the_files_of_sqlite_are_for_nobody_else(tmp_path: Path):
    store = open_sql(SQLITE, tmp_path)
    store.commit([Create(make_cookie(1))])
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert names.keys() == {f"cookies.sqlite{end}" for end in ("", "-wal", "-shm", "-reserve")}
    assert set(names.values()) == {0o600}
    store.close()


def test_a_file_system_that_does_not_share_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """SQLite's own module for such file systems stands for one."""
    monkeypatch.chdir(tmp_path)
    dotfile = URL.create(
        "sqlite+pysqlite", database="file:cookies?vfs=unix-dotfile", query={"uri": "true"}
    )
    with pytest.raises(StoreUnavailable, match="such as NFS: put it on a local disk"):
        make_engine(dotfile, timeout=1, pool_size=2).connect()


# -- what goes wrong later ------------------------------------------------------------------------


def test_a_full_disk_is_told_as_such_and_spoils_nothing(tmp_path: Path):
    store = open_sql(SQLITE, tmp_path)
    store.commit([Create(make_cookie(0))])

    @event.listens_for(store._engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StoreFull, match="has no room"):
        store.commit([Create(make_cookie(n)) for n in range(1, 5000)])
    assert [cookie.id for cookie in records(store)] == [make_id(0)]
    store.close()


def test_a_file_that_another_writer_holds_is_waited_for_and_then_unavailable(tmp_path: Path):
    store = open_sql(SQLITE, tmp_path, timeout=0.2)
    writer = sqlite3.connect(tmp_path / "cookies.sqlite")
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.commit([Create(make_cookie(1))])
    assert store.load([make_id(1)]) == {}
    writer.rollback()
    assert store.commit([Create(make_cookie(1))]) == [True]
    writer.close()
    store.close()


@pytest.fixture(params=[PostgreSQL, MariaDB], ids=["postgresql", "mariadb"])
def own_server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server that the test may stop."""
    with running(request.param()) as server:
        yield server


@pytest.mark.server
def test_a_server_that_has_gone_silent_is_unavailable_until_it_speaks(own_server: Database):
    with own_server.database() as name:
        store = open_sql(own_server.url(name), timeout=1)
        store.commit([Create(make_cookie(0, make_auth()))])
        _, cursor = store.revoked_since(None)
        with own_server.paused():
            check_unavailable(store)
            for ask in (
                lambda: store.revoke_user("joe", None),
                lambda: store.revoked_since(cursor),
            ):
                with pytest.raises(StoreUnavailable) as caught:
                    ask()
                assert type(caught.value) is StoreUnavailable
        wait_for(lambda: answers(store), "the store does not come back")
        assert store.commit([Delete(make_id(0))]) == [True]
        store.close()


@pytest.mark.server
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restarted_server_is_found_again(own_server: Database, how: str):
    name = "cookies"
    own_server.execute(f"CREATE DATABASE {name}")
    store = open_sql(own_server.url(name), timeout=2)
    store.commit([Create(make_cookie(0, make_auth()))])
    getattr(own_server, how)()
    with pytest.raises(StoreUnavailable):
        store.load([make_id(0)])
    with pytest.raises(StoreUnavailable):
        store.commit([Delete(make_id(0))])
    own_server.start()
    assert set(store.load([make_id(0)])) == {make_id(0)}
    assert store.commit([Delete(make_id(0))]) == [True]
    store.close()


@pytest.mark.server
def test_a_connection_that_died_at_rest_is_replaced_unseen(
    own_server: Database, monkeypatch: pytest.MonkeyPatch
):
    """A restart that nobody noticed costs nobody an answer."""
    monkeypatch.setattr(sql_engine, "_IDLE_S", 0)
    own_server.execute("CREATE DATABASE cookies")
    store = open_sql(own_server.url("cookies"), timeout=2)
    own_server.restart()
    assert store.commit([Create(make_cookie(0))]) == [True]
    store.close()


@pytest.mark.server
@pytest.mark.parametrize(
    ("server_type", "setting", "warning"),
    [
        (PostgreSQL, "fsync=off", "fsync is off: set fsync = on"),
        (PostgreSQL, "synchronous_commit=off", "synchronous_commit is off"),
        (MariaDB, "--innodb-flush-log-at-trx-commit=2", "innodb_flush_log_at_trx_commit is 2"),
    ],
)
def test_a_server_that_forgets_in_a_power_cut_is_warned_of(
    server_type: type[PostgreSQL | MariaDB],
    setting: str,
    warning: str,
    caplog: pytest.LogCaptureFixture,
):
    with running(server_type(setting)) as server, server.database() as name:
        open_sql(server.url(name)).close()
        assert warning in caplog.text
        assert PASSWORD not in caplog.text


@pytest.mark.server
def test_a_durable_server_is_not_warned_of(server: Database, caplog: pytest.LogCaptureFixture):
    with server.database() as name:
        open_sql(server.url(name)).close()
    assert caplog.text == ""


@pytest.mark.server
@pytest.mark.parametrize("at", ["SELECT", "DELETE", "COMMIT"])
def test_a_connection_that_is_cut_within_a_batch_leaves_no_half_of_it(server: Database, at: str):
    """
    Deleted and created in one batch: both or none, and the next batch is none the worse. The last
    message is the one with COMMIT.
    """
    with server.database() as name:
        store = open_sql(server.url(name))
        store.commit([Create(make_cookie(1, make_auth()))])
        changes = [Delete(make_id(1)), Create(make_cookie(2))]
        with cut_at(at, store, server), pytest.raises(StoreUnavailable) as caught:
            store.commit(changes)
        assert ("whether it was stored is not known" in str(caught.value)) == (at == "COMMIT")
        assert set(store.load([make_id(1), make_id(2)])) == {make_id(1)}
        assert store.commit(changes) == [True, True]
        store.close()


@pytest.mark.server
def test_a_connection_that_is_cut_before_new_records_are_inserted(postgresql: PostgreSQL):
    """All connections of the pool are replaced: those of the same server are gone as well."""
    with postgresql.database() as name:
        store = open_sql(postgresql.url(name))
        with store._engine.connect(), store._engine.connect():
            pass
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        postgresql.execute(f"{ended} WHERE datname = '{name}'")
        with pytest.raises(StoreUnavailable, match="whether it was stored is not known"):
            store.commit([Create(make_cookie(1))])
        assert store.load([make_id(1)]) == {}
        assert store.commit([Create(make_cookie(1))]) == [True]
        store.close()


@contextmanager
def cut_at(at: str, store: SqlStore, server: Database) -> Iterator[None]:
    """The server ends the connection before it gets the first statement that begins like this."""

    def cut(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(at):
            driver = connection.connection.driver_connection
            if isinstance(server, PostgreSQL):
                server.execute(f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)")
            else:
                server.execute(f"KILL {driver.thread_id()}")

    def cut_script(connection: Any, script: Sequence[str], values: Sequence[Any] = ()) -> Any:
        cut(connection, None, script[-1])
        return run_script(connection, script, values)

    event.listen(store._engine, "before_cursor_execute", cut)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for module in (feedwriter_postgresql, feedwriter_mysql):
                patch.setattr(module, "run_script", cut_script)
            yield
    finally:
        event.remove(store._engine, "before_cursor_execute", cut)


@pytest.mark.server
def test_a_server_without_room_is_told_as_such(server: Database):
    with server.database() as name:
        store = open_sql(server.url(name))
        if isinstance(server, PostgreSQL):
            function = "BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END"
            server.execute(
                f"CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS $${function}$$", name
            )
            action = "EXECUTE FUNCTION full_()"
        else:
            action = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'full'"
        server.execute(
            f"CREATE TRIGGER full_ BEFORE INSERT ON cookietrack FOR EACH ROW {action}", name
        )
        with pytest.raises(StoreFull, match="has no room: full: make room on its disk"):
            store.commit([Create(make_cookie(1))])
        store.close()


@pytest.mark.server
def test_the_scheme_of_mariadb_is_as_good_as_that_of_mysql(mariadb: MariaDB):
    with mariadb.database() as name:
        store = open_sql(mariadb.url(name).replace("mysql:", "mariadb:"))
        assert store.commit([Create(make_cookie(1, make_auth())), make_touch(1)]) == [True, True]
        assert store.stat()["cookies"] == 1
        assert store.commit([Delete(make_id(1))]) == [True]
        store.close()


def test_records_with_a_login_are_counted_as_long_as_all_are(store: SqlStore, monkeypatch):
    assert store.stat()["authenticated"] == 0
    store.commit([Create(make_cookie(1, make_auth())), Create(make_cookie(2))])
    numbers = store.stat()
    assert (numbers["cookies"], numbers["authenticated"]) == (2, 1)
    monkeypatch.setattr(sql_stat, "_COUNTED", -1)
    assert "authenticated" not in store.stat()

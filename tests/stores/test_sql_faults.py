"""Which faults of a database are away and which are wrong, by what it calls them."""

import os
import pwd
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.stores.sql.faults import translated
from cookietrack_plugin.testing.samples import make_id
from servers.databases import PASSWORD, USER, Database, MariaDB, PostgreSQL
from servers.ports import free_port
from servers.process import account, new_folder, running
from tests.support.certificates import write_certificate
from tests.support.opening import open_sql
from tests.support.tongues import ForeignLink

pytest_plugins = ["tests.support.servers"]

AWAY, WRONG, DAMAGED, FULL = StoreUnavailable, ConfigError, StoreCorrupt, StoreFull


def refusal(url: str, **options: Any) -> CookieTrackError:
    """The error of an open(), in which no password is shown."""
    with pytest.raises(CookieTrackError) as caught:
        open_sql(url, **options)
    assert PASSWORD not in str(caught.value)
    return caught.value


# -- by number ------------------------------------------------------------------------------------


def postgresql_error(code: str) -> Exception:
    return psycopg.errors.lookup(code)("in the server's language")


def mysql_error(number: int) -> Exception:
    kind = pymysql.err.error_map.get(number, pymysql.err.OperationalError)
    return kind(number, "in the server's language")


def sqlite_error(name: str) -> Exception:
    error = sqlite3.OperationalError("in some language")
    error.sqlite_errorname = name
    return error


CODES: list[tuple[type[CookieTrackError], Callable[[Any], Exception], list[Any]]] = [
    (AWAY, postgresql_error, ["53300", "57P01", "57P02", "57P03", "25006", "55P03", "57014"]),
    (AWAY, postgresql_error, ["08000", "08001", "08006", "08P01", "53000", "53200", "58030"]),
    (AWAY, postgresql_error, ["40001", "40P01", "25P03", "XX000"]),
    (WRONG, postgresql_error, ["28000", "28P01", "3D000", "42501", "3F000"]),
    (DAMAGED, postgresql_error, ["42P01", "42703", "XX001", "XX002", "22021"]),
    (FULL, postgresql_error, ["53100"]),
    (AWAY, mysql_error, [1040, 1203, 1226, 1053, 1129, 1047, 1290, 1792, 1836, 1927, 1205, 1969]),
    (AWAY, mysql_error, [2002, 2003, 2005, 2006, 2013, 1020, 1213, 3024, 1041, 1135, 1317]),
    (WRONG, mysql_error, [1044, 1045, 1049, 1130, 1142, 1227, 1251, 1698, 1820, 1862, 2026, 2059]),
    (WRONG, mysql_error, [3118, 3159, 4151]),
    (DAMAGED, mysql_error, [1054, 1146]),
    (FULL, mysql_error, [1021, 1114]),
    (AWAY, sqlite_error, ["SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED_SHAREDCACHE"]),
    (AWAY, sqlite_error, ["SQLITE_IOERR_WRITE", "SQLITE_IOERR", "SQLITE_CANTOPEN_ISDIR"]),
    (WRONG, sqlite_error, ["SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY", "SQLITE_PERM"]),
    (DAMAGED, sqlite_error, ["SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX", "SQLITE_NOTADB"]),
    (FULL, sqlite_error, ["SQLITE_FULL"]),
]


@pytest.mark.parametrize(
    ("kind", "make_error", "code"),
    [(kind, make, code) for kind, make, codes in CODES for code in codes],
)
def test_a_code_says_which(
    kind: type[CookieTrackError], make_error: Callable[[Any], Exception], code: Any
):
    """When it is opened; later only what is damaged or full is another thing than away."""
    error = make_error(code)
    base = next(each for each in type(error).__mro__ if each.__name__ == "Error")
    for opening in (True, False):
        with pytest.raises(CookieTrackError) as caught, translated("there", opening=opening):
            raise DBAPIError.instance("SELECT 1", (), error, base)
        assert type(caught.value) is kind


# -- real servers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgreSQL]:
    settings = ["max_connections=6", "superuser_reserved_connections=0", "max_wal_senders=0"]
    with running(PostgreSQL(*settings)) as server:
        server.execute("CREATE ROLE weak LOGIN")
        server.execute(f"ALTER ROLE weak PASSWORD '{PASSWORD}'")
        yield server


# The statement that brings about each refusal of a connection, and how the URL differs.
REFUSED: dict[str, tuple[type[CookieTrackError], str, dict[str, str]]] = {
    "a wrong password": (WRONG, "SELECT 1", {"password": "wrong"}),
    "a role that is not there": (WRONG, "SELECT 1", {"user": "nobody"}),
    "a role that may not log in": (WRONG, "ALTER ROLE weak NOLOGIN", {"user": "weak"}),
    "a database that is not there": (WRONG, "SELECT 1", {"database": "nowhere"}),
    "a database that the role may not use": (
        WRONG,
        "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
        {"user": "weak", "database": "template1"},
    ),
    "a role with too many connections": (
        AWAY,
        "ALTER ROLE weak CONNECTION LIMIT 0",
        {"user": "weak"},
    ),
}


@pytest.mark.server
@pytest.mark.parametrize("speaks", ["English", "another language"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_connection_is_told_by_sqlstate(
    own_postgresql: PostgreSQL, name: str, speaks: str
):
    kind, statement, differs = REFUSED[name]
    own_postgresql.execute("ALTER ROLE weak LOGIN CONNECTION LIMIT -1")
    own_postgresql.execute(statement)
    given = {"database": "postgres", "password": PASSWORD, "user": USER, **differs}
    url = own_postgresql.url(**given)
    with foreign(own_postgresql.port) as link:
        if speaks != "English":
            url = url.replace(f":{own_postgresql.port}/", f":{link.port}/")
        error = refusal(url)
    assert type(error) is kind
    assert ("?????" in str(error)) == (speaks != "English")


@contextmanager
def foreign(port: int) -> Iterator[ForeignLink]:
    link = ForeignLink(port)
    try:
        yield link
    finally:
        link.cut()


@pytest.mark.server
def test_a_server_with_too_many_connections_is_away(own_postgresql: PostgreSQL):
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(closing(own_postgresql.connect()))
        assert type(refusal(own_postgresql.url("postgres"))) is AWAY


@pytest.mark.server
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_postgresql_without_tls_is_wrong_where_the_url_demands_it(
    postgresql: PostgreSQL, mode: str
):
    error = refusal(f"{postgresql.url('postgres')}?sslmode={mode}")
    assert type(error) is WRONG
    assert "TLS" in str(error)


@pytest.fixture(scope="module")
def certified() -> Iterator[Path]:
    """A folder with a certificate."""
    owner = account("postgres")
    folder = new_folder("certificate", owner)
    ids = pwd.getpwnam(owner) if owner else pwd.getpwuid(os.geteuid())
    write_certificate(folder, (ids.pw_uid, ids.pw_gid))
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.server
def test_a_postgresql_with_tls_is_wrong_where_the_two_do_not_agree(certified: Path):
    files = (f"ssl_cert_file={certified}/server.crt", f"ssl_key_file={certified}/server.key")
    with running(PostgreSQL("ssl=on", *files)) as server:
        url = server.url("postgres")
        open_sql(f"{url}?sslmode=require").close()
        open_sql(f"{url}?sslmode=verify-ca&sslrootcert={certified}/server.crt").close()
        for query in (
            f"host=localhost&sslmode=verify-full&sslrootcert={certified}/server.crt",
            "sslmode=verify-ca&sslrootcert=/nowhere",
            "sslmode=verify-full&sslrootcert=system",
        ):
            assert type(refusal(f"{url}?{query}")) is WRONG
        hba = server.folder / "data" / "pg_hba.conf"
        rules = ["hostssl all all 127.0.0.1/32 scram-sha-256", "local all all trust"]
        hba.write_text("\n".join(rules) + "\n")
        server.execute("SELECT pg_reload_conf()")
        server.restart()
        assert type(refusal(f"{url}?sslmode=disable")) is WRONG


@pytest.mark.server
def test_a_mariadb_without_tls_is_wrong_where_the_url_demands_it(mariadb: MariaDB):
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    error = refusal(f"{mariadb.url('mysql')}?ssl_ca={authorities}")
    assert type(error) is WRONG
    assert "TLS" in str(error)


@pytest.mark.server
def test_a_mariadb_whose_certificate_is_not_trusted_is_wrong():
    owner = account("mysql")
    folder = new_folder("certificate", owner)
    ids = pwd.getpwnam(owner) if owner else pwd.getpwuid(os.geteuid())
    certificate, key = write_certificate(folder, (ids.pw_uid, ids.pw_gid))
    try:
        with running(MariaDB(f"--ssl-cert={certificate}", f"--ssl-key={key}")) as server:
            trusted = f"ssl_ca={certificate}&ssl_check_hostname=false"
            open_sql(f"{server.url('mysql')}?{trusted}").close()
            assert type(refusal(f"{server.url('mysql')}?ssl_ca={certificate}")) is WRONG
    finally:
        for file in (certificate, key):
            file.unlink()
        folder.rmdir()


@pytest.mark.server
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("ALTER USER weak@'127.0.0.1' ACCOUNT LOCK", WRONG),
        ("ALTER USER weak@'127.0.0.1' IDENTIFIED BY 'another'", WRONG),
        ("RENAME USER weak@'127.0.0.1' TO weak@'192.0.2.1'", WRONG),
        ("ALTER USER weak@'127.0.0.1' PASSWORD EXPIRE", WRONG),
        ("ALTER USER weak@'127.0.0.1' WITH MAX_QUERIES_PER_HOUR 1", AWAY),
    ],
)
def test_a_mariadb_that_refuses_a_user(mariadb: MariaDB, statement: str, kind: Any):
    with mariadb.database() as name:
        mariadb.execute(f"CREATE USER weak@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        try:
            mariadb.execute(f"GRANT ALL ON {name}.* TO weak@'127.0.0.1'")
            open_sql(mariadb.url(name, user="weak")).close()
            mariadb.execute(statement)
            assert type(refusal(mariadb.url(name, user="weak"))) is kind
        finally:
            mariadb.execute("DROP USER IF EXISTS weak@'127.0.0.1', weak@'192.0.2.1'")


@pytest.mark.server
@pytest.mark.parametrize("server_type", [PostgreSQL, MariaDB])
def test_what_is_wrong_later_is_away(server_type: type[Database]):
    """It worked before, and will again when somebody has set it right."""
    with running(server_type()) as server, server.database() as name:
        store = open_sql(server.url(name))
        account_ = USER if server_type is PostgreSQL else f"{USER}@'127.0.0.1'"
        change = "PASSWORD 'x'" if server_type is PostgreSQL else "IDENTIFIED BY 'x'"
        back = change.replace("'x'", f"'{PASSWORD}'")
        with closing(server.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"ALTER USER {account_} {change}")
            store._engine.dispose()
            with pytest.raises(ConfigError, match="correct the user or the password"):
                store.load([make_id(1)])
            cursor.execute(f"ALTER USER {account_} {back}")
        assert store.load([make_id(1)]) == {}
        store.close()


def test_a_host_whose_name_nobody_knows_is_away():
    for scheme in ("postgresql", "mysql"):
        assert type(refusal(f"{scheme}://joe:secret@nobody.invalid/db", timeout=2)) is AWAY


def test_a_server_that_nobody_runs_is_away():
    for scheme in ("postgresql", "mysql"):
        assert type(refusal(f"{scheme}://joe:secret@127.0.0.1:{free_port()}/db")) is AWAY

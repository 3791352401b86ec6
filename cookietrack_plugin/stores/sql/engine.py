"""SQLAlchemy engines: one pool a store, autocommit, and a bound on every wait."""

import errno
import os
from contextlib import closing
from math import ceil
from sqlite3 import SQLITE_BUSY, OperationalError
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.permissions import unusable
from cookietrack_plugin.stores.sql.role import STALE
from cookietrack_plugin.stores.sql.url import driven, is_file, shown

# Rows of one INSERT statement.
INSERT_ROWS = 1000
# Seconds after which a connection is replaced, before a firewall forgets it.
_RECYCLE_S = 1800
# Seconds after which an unused connection is tried before it is used.
_IDLE_S = 1.0
# Seconds between two tries to take a lock that another process has for a moment.
_PAUSE_S = 0.01


def make_engine(url: URL, timeout: float, pool_size: int) -> Engine:
    """
    An engine that has connected to nothing yet.

    Statements commit by themselves, and `transaction` begins and commits by statements of its own:
    a look-up is one round trip, and so is a batch of one statement.

    :param timeout: seconds to connect, to get a connection from the pool, and for any statement.
    :raises StoreUnavailable: the file of a SQLite database cannot be made.
    """
    if is_file(url):
        _create_file(str(url.database))
    backend = _BACKENDS[url.get_backend_name()]
    engine = create_engine(
        driven(url),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_recycle=_RECYCLE_S,
        insertmanyvalues_page_size=INSERT_ROWS,
        **backend.arguments(url, timeout),
    )
    backend.listen(engine, timeout)
    _ping_idle(engine)
    return engine


def _ping_idle(engine: Engine) -> None:
    """
    Ping the server on a connection that was idle: it can have restarted. Under load this costs
    nothing.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("used", monotonic()) < _IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


# Bounds for the session, unless a pooler is in between: the session behind it is the next client's,
# with all that was set. A pooler shows by the process number, which it makes up for its clients.
_PREPARE = """
SELECT pg_is_in_recovery(), CASE WHEN pg_backend_pid() = %s THEN
    set_config('statement_timeout', %s, false)
    || set_config('idle_in_transaction_session_timeout', %s, false)
END"""


class _PostgreSQL:
    @staticmethod
    def arguments(url: URL, timeout: float) -> dict[str, Any]:
        given = {
            "application_name": "cookietrack",
            # libpq takes whole seconds, and two at least.
            "connect_timeout": max(2, ceil(timeout)),
        }
        ours = {key: value for key, value in given.items() if key not in url.query}
        # A connection pooler in between may give the next statement to another server process.
        return {
            "use_native_hstore": False,
            "connect_args": {**ours, "client_encoding": "utf8", "prepare_threshold": None},
        }

    @staticmethod
    def listen(engine: Engine, timeout: float) -> None:
        from cookietrack_plugin.stores.sql.connecting import connect

        @event.listens_for(engine, "do_connect")
        def make(_dialect: Any, _record: Any, _args: Any, parameters: Any) -> Any:
            connection = connect(**parameters)
            connection.patience = timeout
            # A pooler can deliver notifications that another client listens for: psycopg would keep
            # them.
            connection.add_notify_handler(lambda _: None)
            return connection

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            milliseconds = str(ceil(timeout * 1000))
            follows, bounded = _run(
                connection, _PREPARE, [connection.info.backend_pid, milliseconds, milliseconds]
            )
            if not bounded:
                connection.use_pooler(milliseconds)
            if follows:
                connection.close()
                raise StoreUnavailable(f"{shown(engine.url)} is a standby: {STALE}")


class _MySQL:
    @staticmethod
    def arguments(url: URL, timeout: float) -> dict[str, Any]:
        bounds = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), timeout)
        # A value that does not fit is an error, and not truncated. Set when connecting, as
        # SQLAlchemy reads the mode at once to see how names are quoted.
        mode = {"sql_mode": "STRICT_ALL_TABLES"}
        return {"connect_args": {"charset": "utf8mb4", **mode, **bounds}}

    @staticmethod
    def listen(engine: Engine, timeout: float) -> None:
        # Several statements in one round trip (`run_script`): PostgreSQL always allows it.
        scripts = engine.dialect.loaded_dbapi.constants.CLIENT.MULTI_STATEMENTS

        @event.listens_for(engine, "do_connect")
        def allow_scripts(_dialect: Any, _record: Any, _args: Any, parameters: Any) -> None:
            parameters["client_flag"] = parameters.get("client_flag", 0) | scripts

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            # SELECT ... FOR UPDATE locks the records that are there, and no gaps between them.
            _run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            # MariaDB ends the transaction of a node that has vanished during it. MySQL has no such
            # variable, and takes this for a comment.
            idle = f"/*M!100300 , SESSION idle_transaction_timeout = {ceil(timeout)} */"
            lock = f"innodb_lock_wait_timeout = {max(1, int(timeout))}"
            _run(connection, f"SET SESSION {lock} {idle}")


class _SQLite:
    @staticmethod
    def arguments(url: URL, timeout: float) -> dict[str, Any]:
        return {"connect_args": {"timeout": timeout}}

    @staticmethod
    def listen(engine: Engine, timeout: float) -> None:
        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            # Readers and the writer do not wait for each other, and a commit survives a power cut.
            if not _logs_ahead(connection, timeout):
                raise StoreUnavailable(
                    f"{engine.url.database} is on a file system that does not share memory, such as"
                    " NFS: put it on a local disk"
                )
            _run(connection, "PRAGMA synchronous = FULL")
            connection.text_factory = _text


_BACKENDS: dict[str, type[_PostgreSQL | _MySQL | _SQLite]] = {
    "postgresql": _PostgreSQL,
    "mysql": _MySQL,
    "mariadb": _MySQL,
    "sqlite": _SQLite,
}


def _run(connection: Any, statement: str, parameters: Any = ()) -> Any:
    """The first row of a statement's result, None where there is none."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() if cursor.description else None


def _logs_ahead(connection: Any, timeout: float) -> bool:
    """
    Switch a SQLite database to a write-ahead log; whether it has one now. Switching takes a lock
    for which SQLite itself does not wait.
    """
    until = monotonic() + timeout
    while True:
        try:
            return bool(_run(connection, "PRAGMA journal_mode = WAL") == ("wal",))
        except OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or monotonic() > until:
                raise
        sleep(_PAUSE_S)


def _text(data: bytes) -> str | bytes:
    """A text in SQLite. One that is not UTF-8 stays bytes, so that only its record is damaged."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _create_file(path: str) -> None:
    """Make the file, private: SQLite gives its other files the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Not opened here: closing it would drop the locks that this process has on it (fcntl(2)).
        _check_access(path)
    except OSError as error:
        raise unusable(path, error) from error


def _check_access(path: str) -> None:
    if os.path.isdir(path):
        raise unusable(path, OSError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not os.access(path, os.R_OK | os.W_OK):
        raise unusable(path, OSError(errno.EACCES, os.strerror(errno.EACCES)))

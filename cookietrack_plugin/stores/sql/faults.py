"""What goes wrong in a database, as errors of ours: one line each, with what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.stores.kit.options import PLACE
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome

# SQLSTATE of PostgreSQL, error numbers of MySQL and MariaDB, result codes of SQLite. Their types
# and ranges keep them apart.
_FULL = {"53100", 1021, 1114, "SQLITE_FULL"}
_RETRY = {"40001", "40P01", 1020, 1062, 1213}
_LOGIN = {"28000", "28P01", 1045, 1698}
_DATABASE = {"3D000", 1049}
_MYSQL_RIGHTS = {1044, 1142, 1227}
_RIGHTS = {"42501", *_MYSQL_RIGHTS, "SQLITE_READONLY"}
_TABLES = {"42P01", "42703", 1054, 1146, "SQLITE_CORRUPT", "SQLITE_NOTADB"}

# PostgreSQL's answer to a connection comes without its SQLSTATE.
_PHRASES = (
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r'no pg_hba\.conf entry|FATAL:\s+role ".*" does not exist'), "28000"),
    (re.compile(r'FATAL:\s+database ".*" does not exist'), "3D000"),
    (re.compile(r"FATAL:\s+permission denied for database"), "42501"),
)


@contextmanager
def translated(place: str, opening: bool = False) -> Iterator[None]:
    """
    Raise errors of ours instead of SQLAlchemy's, which become their cause.

    :param place: the store, as people may see it.
    :param opening: whether what only a person can set right is a `ConfigError`. Later it is
        `StoreUnavailable`: the store worked before, and will again when it was set right.
    """
    try:
        yield
    except UnknownOutcome as error:
        raise StoreUnavailable(
            f"{place}: whether it was stored is not known: {_cause(error.__cause__)}"
        ) from error
    except SQLAlchemyError as error:
        raise _fault(error, place, opening) from error


def is_conflict(error: BaseException | None) -> bool:
    """Whether the same transaction has every chance next time: others were in its way."""
    return _code(error) in _RETRY


def _fault(error: SQLAlchemyError, place: str, opening: bool) -> CookieTrackError:
    code, cause = _code(error), _cause(error)
    if code in _FULL:
        return StoreFull(f"{place} has no room: {cause}: make room on its disk")
    if code in _TABLES:
        return StoreCorrupt(f"{place}: {cause}: restore it, or choose another table")
    if code in _LOGIN | _DATABASE | _RIGHTS:
        kind = ConfigError if opening else StoreUnavailable
        return kind(f'"url" in {PLACE}: {place}: {cause}: {_advice(code)}')
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"{place}: all connections of the pool are in use")
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        question = ": is it running, and can this host reach it?" if opening else ""
        return StoreUnavailable(f"{place} does not answer: {cause}{question}")
    return StoreCorrupt(f"{place} refuses a statement: {cause}")


def _advice(code: Any) -> str:
    if code in _LOGIN:
        return "correct the user or the password, or the variable that holds it"
    if code in _DATABASE:
        return "create the database, or name another"
    if code in _MYSQL_RIGHTS:
        return "grant the user CREATE, INDEX, ALTER, SELECT, INSERT, UPDATE and DELETE"
    return (
        "grant the user CREATE, SELECT, INSERT, UPDATE and DELETE; only their owner alters tables"
    )


def _code(error: BaseException | None) -> Any:
    """What the database itself calls the error; None where it does not say."""
    original = getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", None)
    if name:
        return "_".join(name.split("_")[:2])
    arguments = getattr(original, "args", None) or (None,)
    if isinstance(arguments[0], int):
        return arguments[0]
    if code := getattr(original, "sqlstate", None):
        return code
    return next((code for phrase, code in _PHRASES if phrase.search(str(original))), None)


def _cause(error: BaseException | None) -> str:
    """The driver's own words, on one line: no details, which could show what is in a record."""
    original = getattr(error, "orig", None) or error
    arguments: tuple[Any, ...] = getattr(original, "args", ())
    words = arguments[1] if len(arguments) > 1 and isinstance(arguments[0], int) else original
    words = getattr(getattr(original, "diag", None), "message_primary", None) or words
    return re.sub(r"\s+", " ", str(words)).strip()

"""
The error codes of databases, and which of them mean that a database is away, wrong, or full.

SQLSTATE of PostgreSQL, error numbers of MySQL and MariaDB, result codes of SQLite: their types and
ranges keep them apart. For a code in none of these sets the driver's class of the error decides.
The text of an error depends on the server's language, so it is not used.
"""

import ssl
from enum import Enum
from typing import Any

# No SQLSTATE: the two ends do not agree about TLS.
TLS = "TLS"


class Fault(Enum):
    """
    Why a database refuses. `CONFLICT`: another transaction was in the way, and a retry is likely to
    succeed. `AWAY`: it may answer later. `FULL`: its disk is full. A person has to fix the others.
    """

    CONFLICT = "conflict"
    AWAY = "away"
    FULL = "full"
    LOGIN = "login"
    DATABASE = "database"
    ENCRYPTION = "encryption"
    RIGHTS = "rights"
    MYSQL_RIGHTS = "rights on MySQL or MariaDB"
    FILE = "file"
    TABLES = "tables"


_CODES: dict[Fault, tuple[str | int, ...]] = {
    # Serialization failure, deadlock; record changed, duplicate key (of a record that was not there
    # when this transaction looked), deadlock.
    Fault.CONFLICT: ("40001", "40P01", 1020, 1062, 1213),
    # Too many connections, starting, stopping, crashed, a standby, a lock or a statement that took
    # too long; too many connections (of all, of a user), stopping, blocked, a member of a cluster
    # that is not ready, read-only for three reasons, killed, a lock or a statement that took long.
    Fault.AWAY: (
        *("53300", "57P01", "57P02", "57P03", "25006", "55P03", "57014"),
        *(1040, 1203, 1226, 1053, 1129, 1047, 1290, 1792, 1836, 1927, 1205, 1969, 3024),
        *("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN"),
    ),
    Fault.FULL: ("53100", 1021, 1114, "SQLITE_FULL"),
    # Wrong password or rule; wrong password, wrong host, a plugin that the driver lacks, a password
    # that has expired, an account that is locked.
    Fault.LOGIN: ("28000", "28P01", 1045, 1698, 1130, 1251, 2059, 1820, 1862, 3118, 4151),
    Fault.DATABASE: ("3D000", 1049),
    Fault.ENCRYPTION: (TLS, 2026, 3159),
    Fault.RIGHTS: ("42501", "3F000"),
    Fault.MYSQL_RIGHTS: (1044, 1142, 1227),
    Fault.FILE: ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"),
    # No table, no column; damaged.
    Fault.TABLES: (
        *("42P01", "42703", "XX001", "XX002", 1054, 1146),
        *("SQLITE_CORRUPT", "SQLITE_NOTADB"),
    ),
}
_FAULTS = {code: fault for fault, codes in _CODES.items() for code in codes}
# What to do about faults that only a person can fix, in the database or in the URL.
ADVICE = {
    Fault.LOGIN: "correct the user or the password, or the variable that holds it",
    Fault.DATABASE: "create the database, or name another",
    Fault.ENCRYPTION: "name the TLS mode of the server, and the authority that signed its"
    " certificate",
    Fault.RIGHTS: "grant the user CREATE, SELECT, INSERT, UPDATE and DELETE; only the owner of"
    " tables can alter them",
    Fault.MYSQL_RIGHTS: "grant the user CREATE, INDEX, ALTER, SELECT, INSERT, UPDATE and DELETE",
    Fault.FILE: "the node's user has to be able to write to the file and to its directory",
}


def fault_of(error: BaseException | None) -> Fault | None:
    """Why the database refuses, as an error of SQLAlchemy's has it; None where it does not say."""
    code = _code(getattr(error, "orig", None))
    return None if code is None else _FAULTS.get(code)


def _code(error: Any) -> str | int | None:
    """What the database itself calls the error."""
    if name := getattr(error, "sqlite_errorname", None):
        return "_".join(name.split("_")[:2])
    if _distrusts(getattr(error, "original_exception", None)):
        return TLS
    number = next(iter(getattr(error, "args", ())), None)
    return number if isinstance(number, int) else getattr(error, "sqlstate", None)


def _distrusts(error: BaseException | None) -> bool:
    """Whether PyMySQL does not agree with the server about TLS, rather than having lost it."""
    lost = ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError
    return isinstance(error, ssl.SSLError) and not isinstance(error, lost)

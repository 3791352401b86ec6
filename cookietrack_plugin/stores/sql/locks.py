"""
Locks that order the logins and the revocations of a user.

They are taken before any other lock of a transaction, and held until it ends. Logins share them; a
revocation takes its user's exclusively. So either a login sees the fence of the revocation, or the
revocation sees the login's record.

Many users share one lock, since each lock takes memory in the server, and a batch logs in up to a
thousand users. A revocation of all users takes all locks.
"""

from collections.abc import Callable, Iterable, Sequence
from zlib import crc32

from sqlalchemy import Dialect, select

from cookietrack_plugin.stores.sql.tables import Tables, hash_of
from cookietrack_plugin.stores.sql.types import MYSQL

# All nodes have to agree on it: it belongs to the format of the tables.
SLOTS = 64

# Statements that take the locks of those slots: shared, or (True) exclusively.
Locking = Callable[[Sequence[int], bool], list[str]]


def slots_of(authids: Iterable[str | None]) -> list[int]:
    """The locks of users, in the order in which everybody takes them. None stands for all users."""
    authids = set(authids)
    if None in authids:
        return list(range(SLOTS))
    return sorted({hash_of(authid) % SLOTS for authid in authids if authid is not None})


def make_locking(tables: Tables, dialect: Dialect) -> Locking:
    """How one kind of database locks."""
    if dialect.name == "postgresql":
        return _advisory(tables)
    if dialect.name in MYSQL:
        return _rows(tables, dialect)
    # SQLite has one writer at a time.
    return lambda slots, exclusive: []


def _advisory(tables: Tables) -> Locking:
    """
    Advisory locks: locking a row for sharing would write to it. All programs that use the database
    share their numbers: ours begin with one made of the table's name.
    """
    number = crc32(f"cookietrack {tables.fences.name}".encode()) - 2**31

    def lock(slots: Sequence[int], exclusive: bool) -> list[str]:
        function = f"pg_advisory_xact_lock{'' if exclusive else '_shared'}"
        return [f"SELECT {', '.join(f'{function}({number}, {slot})' for slot in slots)}"]

    return lock


def _rows(tables: Tables, dialect: Dialect) -> Locking:
    assert tables.locks is not None
    select_slots = str(select(tables.locks.c.slot).compile(dialect=dialect))

    def lock(slots: Sequence[int], exclusive: bool) -> list[str]:
        # MariaDB does not know FOR SHARE, which is MySQL's newer name.
        mode = "FOR UPDATE" if exclusive else "LOCK IN SHARE MODE"
        wanted = ", ".join(map(str, slots))
        return [f"{select_slots} WHERE slot IN ({wanted}) ORDER BY slot {mode}"]

    return lock

"""
The feed of revocations: a table, which each reader reads on from its position.

Numbers from a sequence become visible out of order: 8 may be committed while 7 is pending, and a
reader that has seen 8 would never ask for 7. So the numbers come from one row, which stays locked
until the transaction ends: commits that revoke something are serialized, and a reader that sees a
number sees all before it. Numbers can be skipped.

PostgreSQL notifies its listeners of something new when the transaction commits.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.paging import read_on
from cookietrack_plugin.stores.sql.feedwriter.entries import now
from cookietrack_plugin.stores.sql.role import role_column, trusted
from cookietrack_plugin.stores.sql.tables import Tables

# How long an entry is kept. A reader that was away for longer has lost its position.
KEPT_MS = 3_600_000
# Entries that are removed in one step, steps of one sweep, and entries that are read at a time.
_STEP = 1000
_STEPS = 100
_PAGE = 1000

# The number of the last revocation that was seen, and whose it was. Another one under that number
# means that the database went back to an earlier state, and that numbers were given a second time.
Cursor = tuple[int, str]


def as_cursor(value: object) -> Cursor | None:
    """`value` as a position in some feed; None where it cannot be one."""
    match value:
        case (int(number), str(id)) if 0 <= number < 2**63:
            return number, id
    return None


def kept_ids(text: str) -> frozenset[str]:
    """The ids in a column `keep`."""
    return frozenset(text.split())


class Feed:
    """Reads the feed, and removes its old entries. `feedwriter` writes it."""

    def __init__(self, tables: Tables, dialect: str) -> None:
        revoked, fences = tables.revoked, tables.fences
        role = role_column(dialect)
        last = select(revoked.c.number, revoked.c.id, role)
        self._last = last.order_by(revoked.c.number.desc()).limit(1)
        entries = select(*revoked.columns, role).where(revoked.c.number >= bindparam("number"))
        self._since = entries.order_by(revoked.c.number).limit(bindparam("limit"))
        oldest = select(revoked.c.number, revoked.c.at).order_by(revoked.c.number)
        self._oldest = oldest.limit(_STEP + 1)
        number: BindParameter[int] = bindparam("number")
        # In this order: a login whose fence is gone finds its position gone, too.
        self._trim = (
            delete(revoked).where(revoked.c.number <= number),
            delete(fences).where(fences.c.position <= number),
        )

    def since(
        self, connection: Connection, cursor: object
    ) -> tuple[list[str | UserRevoked], Cursor]:
        """
        What was revoked since `cursor`, and the next cursor.

        :raises PositionLost: the cursor is of an hour ago, or of another history.
        """
        if cursor is None:
            number, id = trusted(connection.execute(self._last).one())
            return [], (number, id)
        known = as_cursor(cursor)
        if known is None:
            raise PositionLost(f"a position in the feed of another store: {type(cursor).__name__}")
        return read_on(lambda seen: self._page(connection, seen), known, _PAGE)

    def _page(
        self, connection: Connection, cursor: Cursor
    ) -> tuple[list[str | UserRevoked], Cursor]:
        """A page of entries: the driver never holds all the rows since a long absence."""
        place = {"number": cursor[0], "limit": _PAGE + 1}
        rows = connection.execute(self._since, place).all()
        for row in rows[:1]:
            trusted(row)
        if not rows or (rows[0].number, rows[0].id) != cursor:
            raise PositionLost("what was revoked since the last look is no longer known")
        return [_entry_of(row) for row in rows[1:]], (rows[-1].number, rows[-1].id)

    def trim(self, connection: Connection) -> None:
        """Remove those that are too old, in steps: more than come between two sweeps."""
        for _ in range(_STEPS):
            if self._trim_some(connection) < _STEP:
                return

    def _trim_some(self, connection: Connection) -> int:
        """
        Remove a step of them; how many were removed. A cursor names the latest entry until the next
        one comes: so an entry's age counts from the next one, and the last one stays.
        """
        rows: Sequence[Any] = connection.execute(self._oldest).all()
        oldest_kept = now() - KEPT_MS
        old = [row.number for row, following in pairwise(rows) if following.at < oldest_kept]
        if old:
            for statement in self._trim:
                connection.execute(statement, {"number": old[-1]})
        return len(old)


def _entry_of(row: Any) -> str | UserRevoked:
    if row.keep is None:
        return str(row.id)
    return UserRevoked(row.authid, row.authrealm, kept_ids(row.keep))

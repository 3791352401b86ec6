"""
Revocations for all who share the database, in a table that each reader reads from where it was.

Numbers that a sequence gives become visible out of order: 8 may be committed while 7 is pending,
and a reader that has seen 8 would never ask for 7. So the numbers come from one row, which stays
locked until the transaction ends: commits that revoke something happen one by one, and a reader
that sees a number sees all before it.

PostgreSQL notifies its listeners that there is something new, when the transaction commits.
"""

from collections.abc import Sequence
from itertools import pairwise
from time import time_ns
from typing import Any
from uuid import uuid4

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, update

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.paging import read_on
from cookietrack_plugin.stores.sql.tables import Tables

# How long a position is kept. Readers that were away longer have lost theirs.
KEPT_MS = 3_600_000
# How many are removed in one step, in how many at a time, and how many are read in one.
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


def kept_text(ids: frozenset[str]) -> str:
    """What a column `keep` has for `ids`."""
    return " ".join(sorted(ids))


class Feed:
    """
    The statements of the feed.

    :param notifies: whether the database is one that notifies, on the channel that is called like
        the table.
    """

    def __init__(self, tables: Tables, notifies: bool) -> None:
        revoked, meta, fences = tables.revoked, tables.meta, tables.fences
        self._reserve = update(meta).values(revoked=meta.c.revoked + bindparam("count"))
        # In a statement that is needed anyway: it costs no round trip.
        notify = [func.pg_notify(revoked.name, "")] if notifies else []
        self._reserved = select(meta.c.revoked, *notify)
        self._insert = insert(revoked)
        # psycopg has a statement for each row, unless something is returned. PyMySQL makes one.
        self._insert_all = self._insert.returning(revoked.c.number) if notifies else self._insert
        last = select(revoked.c.number, revoked.c.id)
        self._last = last.order_by(revoked.c.number.desc()).limit(1)
        entries = select(*revoked.columns).where(revoked.c.number >= bindparam("number"))
        self._since = entries.order_by(revoked.c.number).limit(bindparam("limit"))
        oldest = select(revoked.c.number, revoked.c.at).order_by(revoked.c.number)
        self._oldest = oldest.limit(_STEP + 1)
        number: BindParameter[int] = bindparam("number")
        # In this order: a login that finds no fence any more does not find its position either.
        self._trim = (
            delete(revoked).where(revoked.c.number <= number),
            delete(fences).where(fences.c.position <= number),
        )

    def append(self, connection: Connection, ids: Sequence[str]) -> None:
        """
        Add the `ids` of records, at the end of the transaction that revokes them: no other commits
        in between.
        """
        first, at = self._next(connection, len(ids)), _now()
        rows = [{"number": first + n, "id": id, "at": at} for n, id in enumerate(ids)]
        connection.execute(self._insert_all, rows)

    def append_user(self, connection: Connection, revoked: UserRevoked) -> int:
        """Add a user, at the end of a transaction like that; the entry's number."""
        number = self._next(connection, 1)
        row = {
            "number": number,
            "id": uuid4().hex,
            "at": _now(),
            "authid": revoked.authid,
            "authrealm": revoked.authrealm,
            "keep": kept_text(revoked.keep),
        }
        connection.execute(self._insert, row)
        return number

    def _next(self, connection: Connection, count: int) -> int:
        """The first of `count` new numbers."""
        connection.execute(self._reserve, {"count": count})
        last: int = connection.execute(self._reserved).scalar_one()
        return last - count + 1

    def since(
        self, connection: Connection, cursor: object
    ) -> tuple[list[str | UserRevoked], Cursor]:
        """
        What was revoked since `cursor`, and the next cursor.

        :raises PositionLost: the cursor is of an hour ago, or of another history.
        """
        if cursor is None:
            number, id = connection.execute(self._last).one()
            return [], (number, id)
        known = as_cursor(cursor)
        if known is None:
            raise PositionLost(f"a position in the feed of another store: {type(cursor).__name__}")
        return read_on(lambda seen: self._page(connection, seen), known, _PAGE)

    def _page(
        self, connection: Connection, cursor: Cursor
    ) -> tuple[list[str | UserRevoked], Cursor]:
        """A page of them, so that the driver never holds all the rows of a long absence."""
        place = {"number": cursor[0], "limit": _PAGE + 1}
        rows = connection.execute(self._since, place).all()
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
        Remove a step of them; how many it were. Cursors stand on an entry until the next one comes,
        so its age is that of the next one, and the last one stays.
        """
        rows: Sequence[Any] = connection.execute(self._oldest).all()
        oldest_kept = _now() - KEPT_MS
        old = [row.number for row, following in pairwise(rows) if following.at < oldest_kept]
        if old:
            for statement in self._trim:
                connection.execute(statement, {"number": old[-1]})
        return len(old)


def _entry_of(row: Any) -> str | UserRevoked:
    if row.keep is None:
        return str(row.id)
    return UserRevoked(row.authid, row.authrealm, kept_ids(row.keep))


def _now() -> int:
    return time_ns() // 1_000_000

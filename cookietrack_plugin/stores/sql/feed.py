"""
Revocations for whoever shares the database, in a table that each reader reads from where it was.

Numbers that a sequence gives become visible out of order: 8 may be committed while 7 is still
under way, and a reader that has seen 8 would never ask for 7. So the numbers come from one row,
which stays locked until the transaction ends: commits that revoke something happen one by one,
and who sees a number sees all before it.

PostgreSQL tells who listens that there is something new, when the transaction commits.
"""

from collections.abc import Sequence
from time import time_ns
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.paging import read_on
from cookietrack_plugin.stores.sql.tables import Tables

# How long a revocation is kept, in milliseconds: who was away longer starts anew.
KEPT = 3_600_000
# How many are forgotten in one step, and read in one.
_STEP = 1000
_PAGE = 1000

# The number of the last revocation that was seen, and whose it was. Another one under that number
# means that the database went back to an earlier state, and that numbers were given a second time.
Cursor = tuple[int, str]


class Revocations:
    """
    The statements of the feed.

    :param notifies: whether the database is one that tells of revocations, on the channel that is
        called like the table.
    """

    def __init__(self, tables: Tables, notifies: bool) -> None:
        revoked, meta = tables.revoked, tables.meta
        self._reserve = update(meta).values(revoked=meta.c.revoked + bindparam("count"))
        # In a statement that is needed anyway: it costs no round trip.
        notify = [func.pg_notify(revoked.name, "")] if notifies else []
        self._reserved = select(meta.c.revoked, *notify)
        self._insert = insert(revoked)
        columns = select(revoked.c.number, revoked.c.id)
        self._last = columns.order_by(revoked.c.number.desc()).limit(1)
        since = columns.where(revoked.c.number >= bindparam("number"))
        self._since = since.order_by(revoked.c.number).limit(bindparam("limit"))
        oldest = select(revoked.c.number, revoked.c.at).order_by(revoked.c.number)
        self._oldest = oldest.limit(_STEP + 1)
        self._forget = delete(revoked).where(revoked.c.number <= bindparam("number"))

    def note(self, connection: Connection, ids: Sequence[str]) -> None:
        """Add `ids`, at the end of the transaction that revokes them: nobody can commit between."""
        connection.execute(self._reserve, {"count": len(ids)})
        last = connection.execute(self._reserved).scalar_one()
        first, at = last - len(ids) + 1, time_ns() // 1_000_000
        rows = [{"number": first + n, "id": id, "at": at} for n, id in enumerate(ids)]
        connection.execute(self._insert, rows)

    def since(self, connection: Connection, cursor: Cursor | None) -> tuple[list[str], Cursor]:
        """
        What was revoked since `cursor`, and the next cursor.

        :raises StoreUnavailable: the cursor is of an hour ago, or of another history.
        """
        if cursor is None:
            number, id = connection.execute(self._last).one()
            return [], (number, id)
        return read_on(lambda seen: self._page(connection, seen), cursor, _PAGE)

    def _page(self, connection: Connection, cursor: Cursor) -> tuple[list[str], Cursor]:
        """The next of them: who was away for long does not have the driver hold all the rows."""
        place = {"number": cursor[0], "limit": _PAGE + 1}
        rows = connection.execute(self._since, place).all()
        if not rows or tuple(rows[0]) != tuple(cursor):
            raise StoreUnavailable("what was revoked since the last look is no longer known")
        number, id = rows[-1]
        return [row.id for row in rows[1:]], (number, id)

    def forget(self, connection: Connection) -> None:
        """Drop a step of those that are too old, never the last one: cursors stand on it."""
        rows: Sequence[Any] = connection.execute(self._oldest).all()
        oldest_kept = time_ns() // 1_000_000 - KEPT
        old = [row.number for row in rows[:-1] if row.at < oldest_kept]
        if old:
            connection.execute(self._forget, {"number": old[-1]})

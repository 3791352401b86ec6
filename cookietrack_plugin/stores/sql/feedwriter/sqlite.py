"""Writes to the feed on SQLite, which has one writer at a time and no round trips."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, update
from sqlalchemy.dialects import sqlite

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence
from cookietrack_plugin.stores.sql.feedwriter.entries import (
    fence_fields,
    fence_name,
    now,
    user_entry,
)
from cookietrack_plugin.stores.sql.tables import Tables
from cookietrack_plugin.stores.sql.transaction import begin, commit, rolling_back

_USER = ("id", "at", "authid", "authrealm", "keep")
_FENCE = ("position", "keep", "kept_from")


class SQLiteFeedWriter:
    """A statement for each step."""

    def __init__(self, tables: Tables, _dialect: Dialect) -> None:
        cookies, meta, fences = tables.cookies, tables.meta, tables.fences
        doomed = cookies.c.id.in_(bindparam("ids", expanding=True))
        self._delete = delete(cookies).where(doomed).returning(cookies.c.id)
        counted = update(meta).values(revoked=meta.c.revoked + bindparam("count"))
        self._count = counted.returning(meta.c.revoked)
        self._insert = insert(tables.revoked)
        fence = sqlite.insert(fences)
        changed = {name: fence.excluded[name] for name in _FENCE}
        self._raise = fence.on_conflict_do_update(index_elements=[fences.c.name], set_=changed)

    def delete(self, connection: Connection, ids: Collection[str]) -> set[str]:
        with rolling_back(connection):
            begin(connection)
            gone = connection.execute(self._delete, {"ids": list(ids)}).scalars().all()
            self.commit(connection, sorted(gone))
        return set(gone)

    def commit(self, connection: Connection, ids: Sequence[str]) -> None:
        if ids:
            first = self._next(connection, len(ids))
            rows = [{"number": first + n, "id": id, "at": now()} for n, id in enumerate(ids)]
            connection.execute(self._insert, rows)
        commit(connection)

    def commit_user(
        self, connection: Connection, revoked: UserRevoked, fence: Fence | None
    ) -> None:
        number = self._next(connection, 1)
        entry = dict(zip(_USER, user_entry(revoked), strict=True))
        connection.execute(self._insert, {"number": number, **entry})
        fields = dict(zip(_FENCE, [number, *fence_fields(revoked, fence)], strict=True))
        connection.execute(self._raise, {"name": fence_name(revoked), **fields})
        commit(connection)

    def _next(self, connection: Connection, count: int) -> int:
        """The first of `count` new numbers."""
        last: int = connection.execute(self._count, {"count": count}).scalar_one()
        return last - count + 1

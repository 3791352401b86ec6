"""Writes to the feed on MySQL and MariaDB: several statements in one packet, the last COMMIT."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Dialect

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence
from cookietrack_plugin.stores.sql.driver import run_script
from cookietrack_plugin.stores.sql.feedwriter.entries import (
    Value,
    fence_fields,
    fence_name,
    now,
    user_entry,
)
from cookietrack_plugin.stores.sql.tables import Tables
from cookietrack_plugin.stores.sql.transaction import BEGIN, committing

# Takes that many numbers. After this statement LAST_INSERT_ID() is the last of them, on this
# connection.
_COUNT = "UPDATE {meta} SET revoked = LAST_INSERT_ID(revoked + %s)"
# All nodes lock records in the order of their ids, and then the counter. Exactly the records that
# are in the feed are deleted, also where another node creates one in between.
_DELETE = (
    "SELECT id FROM {cookies} WHERE id IN %s ORDER BY id FOR UPDATE",
    _COUNT,
    "INSERT INTO {revoked} (number, id, at)"
    " SELECT LAST_INSERT_ID() - %s + ROW_NUMBER() OVER (ORDER BY id), id, %s"
    " FROM (SELECT id FROM {cookies} WHERE id IN %s ORDER BY id FOR UPDATE) AS doomed",
    "DELETE {cookies} FROM {cookies} JOIN {revoked} AS told ON told.id = {cookies}.id"
    " WHERE told.number > LAST_INSERT_ID() - %s",
    "SELECT id FROM {revoked} WHERE number > LAST_INSERT_ID() - %s",
)
_INSERT = "INSERT INTO {revoked} (number, id, at) VALUES "
_ENTRY = "(LAST_INSERT_ID() - %s, %s, %s)"
_INSERT_USER = (
    "INSERT INTO {revoked} (number, id, at, authid, authrealm, keep)"
    " VALUES (LAST_INSERT_ID(), %s, %s, %s, %s, %s)"
)
_RAISE = (
    "INSERT INTO {fences} (name, position, keep, kept_from) VALUES (%s, LAST_INSERT_ID(), %s, %s)"
    " ON DUPLICATE KEY UPDATE position = LAST_INSERT_ID(), keep = %s, kept_from = %s"
)


class MySQLFeedWriter:
    """Numbers that a batch of deletions has taken and not used are skipped."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        quoted = dialect.identifier_preparer.format_table
        names = {
            "cookies": quoted(tables.cookies),
            "revoked": quoted(tables.revoked),
            "fences": quoted(tables.fences),
            "meta": quoted(tables.meta),
        }
        begin = BEGIN[dialect.name]
        self._delete = [begin, *(statement.format(**names) for statement in _DELETE), "COMMIT"]
        self._count = _COUNT.format(**names)
        self._insert = _INSERT.format(**names)
        self._insert_user = _INSERT_USER.format(**names)
        self._raise = _RAISE.format(**names)

    def delete(self, connection: Connection, ids: Collection[str]) -> set[str]:
        given, count = sorted(ids), len(ids)
        values = [given, count, count, now(), given, count, count]
        with committing():
            *_, told, _ = run_script(connection, self._delete, values)
        return {id for (id,) in told}

    def commit(self, connection: Connection, ids: Sequence[str]) -> None:
        insert = self._insert + ", ".join([_ENTRY] * len(ids))
        values: list[Value] = [len(ids)]
        for behind, id in zip(reversed(range(len(ids))), ids, strict=True):
            values += behind, id, now()
        with committing():
            run_script(connection, [self._count, insert, "COMMIT"], values)

    def commit_user(
        self, connection: Connection, revoked: UserRevoked, fence: Fence | None
    ) -> None:
        fields = fence_fields(revoked, fence)
        values = [1, *user_entry(revoked), fence_name(revoked), *fields, *fields]
        script = [self._count, self._insert_user, self._raise, "COMMIT"]
        with committing():
            run_script(connection, script, values)

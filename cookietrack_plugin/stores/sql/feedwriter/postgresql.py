"""Writes to the feed on PostgreSQL, by one statement with several parts, and notifies listeners."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Dialect

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence
from cookietrack_plugin.stores.sql.driver import driver_of, run_script
from cookietrack_plugin.stores.sql.feedwriter.entries import (
    fence_fields,
    fence_name,
    now,
    user_entry,
)
from cookietrack_plugin.stores.sql.tables import Tables
from cookietrack_plugin.stores.sql.transaction import committing

# All nodes lock records in the order of their ids, and then the counter. That one is not joined:
# while its table is not analyzed, the planner expects a large join, and compiles it (JIT).
_DELETE = """
WITH doomed AS (
    SELECT id FROM {cookies} WHERE id = ANY(CAST($1 AS text[])) ORDER BY id FOR UPDATE
), gone AS (
    DELETE FROM {cookies} USING doomed WHERE {cookies}.id = doomed.id RETURNING {cookies}.id
), counted AS (
    UPDATE {meta} SET revoked = revoked + total.count
    FROM (SELECT count(*) AS count FROM gone) AS total WHERE total.count > 0
    RETURNING revoked - total.count AS last
), entries AS (
    INSERT INTO {revoked} (number, id, at)
    SELECT (SELECT last FROM counted) + row_number() OVER (ORDER BY id), id, CAST($2 AS bigint)
    FROM gone
)
SELECT id, (SELECT pg_notify('{channel}', '')) FROM gone"""

_APPEND = """
WITH counted AS (
    UPDATE {meta} SET revoked = revoked + %s RETURNING revoked - %s AS last
), entries AS (
    INSERT INTO {revoked} (number, id, at)
    SELECT (SELECT last FROM counted) + given.number, given.id, %s
    FROM unnest(CAST(%s AS text[])) WITH ORDINALITY AS given (id, number)
)
SELECT pg_notify('{channel}', '')"""

_APPEND_USER = """
WITH counted AS (
    UPDATE {meta} SET revoked = revoked + 1 RETURNING revoked
), entries AS (
    INSERT INTO {revoked} (number, id, at, authid, authrealm, keep)
    SELECT revoked, %s, %s, CAST(%s AS text), CAST(%s AS text), %s FROM counted
), raised AS (
    INSERT INTO {fences} (name, position, keep, kept_from)
    SELECT %s, revoked, %s, CAST(%s AS bigint) FROM counted
    ON CONFLICT (name) DO UPDATE
    SET position = excluded.position, keep = excluded.keep, kept_from = excluded.kept_from
)
SELECT pg_notify('{channel}', '')"""


class PostgreSQLFeedWriter:
    """
    A batch of deletions is one statement. The last statement of a transaction is sent together with
    its COMMIT. The channel that it notifies has the name of the table.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        quoted = dialect.identifier_preparer.format_table
        names = {
            "cookies": quoted(tables.cookies),
            "revoked": quoted(tables.revoked),
            "fences": quoted(tables.fences),
            "meta": quoted(tables.meta),
            "channel": tables.revoked.name,
        }
        self._delete = _DELETE.format(**names).encode()
        self._append = _APPEND.format(**names)
        self._append_user = _APPEND_USER.format(**names)

    def delete(self, connection: Connection, ids: Collection[str]) -> set[str]:
        wanted = f"{{{','.join(ids)}}}".encode()
        with committing(), driver_of(connection) as driver:
            result = driver.ask(self._delete, wanted, b"%d" % now())
        return {result.get_value(number, 0).decode() for number in range(result.ntuples)}

    def commit(self, connection: Connection, ids: Sequence[str]) -> None:
        count = len(ids)
        with committing():
            run_script(connection, [self._append, "COMMIT"], [count, count, now(), list(ids)])

    def commit_user(
        self, connection: Connection, revoked: UserRevoked, fence: Fence | None
    ) -> None:
        raised = [fence_name(revoked), *fence_fields(revoked, fence)]
        with committing():
            script = [self._append_user, "COMMIT"]
            run_script(connection, script, [*user_entry(revoked), *raised])

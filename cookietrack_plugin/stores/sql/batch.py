"""A batch of changes as one transaction of few statements, however many changes there are."""

from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy import Connection

from cookietrack_plugin.record import Authenticate, Change, Cookie
from cookietrack_plugin.stores.kit.fold import Outcome, Stored, applied, fold, lone_creates
from cookietrack_plugin.stores.sql.engine import INSERT_ROWS
from cookietrack_plugin.stores.sql.feed import Feed
from cookietrack_plugin.stores.sql.fences import Fences, Standing
from cookietrack_plugin.stores.sql.statements import Row, Statements, portions
from cookietrack_plugin.stores.sql.tables import record_of, row_of
from cookietrack_plugin.stores.sql.transaction import committing, transaction_begun_by


class Collision(Exception):
    """Another node has created a record that was not there when this transaction looked."""


class Batches:
    """
    Applies batches.

    The records of a batch are read and locked, what becomes of them is worked out here, and what
    came out is written: one statement each for the deleted, the altered and the new records. Those
    that are locked stay until they are written, so nothing is revived. New ones are inserted unless
    their id exists; where nothing else is in the batch, nothing is read. What stands in the way of
    logins is read in the round trip that begins the transaction.
    """

    def __init__(self, statements: Statements, fences: Fences, feed: Feed) -> None:
        self._statements = statements
        self._fences = fences
        self._feed = feed

    def apply(self, connection: Connection, changes: Sequence[Change]) -> list[bool]:
        """
        Apply `changes`, all or none; for each whether it applied.

        :raises Collision: nothing was done, and trying again leads further.
        :raises ValueError: nothing was done: a record cannot be stored at all.
        """
        alone = lone_creates(changes) if self._statements.insert_tells else {}
        rest = [change for change in changes if change.id not in alone]
        new = _rows(alone.values())
        if not rest and len(new) <= INSERT_ROWS:
            created = self._insert_alone(connection, new)
            return [change.id in created for change in changes]
        logins = [change for change in rest if isinstance(change, Authenticate)]
        begin = partial(self._fences.begin_logins, logins=logins)
        with transaction_begun_by(begin, connection) as standing:
            outcome = self._fold(connection, rest, standing)
            self._write(connection, outcome)
            created = self._insert_all(connection, new, outcome)
            if outcome.revoked:
                self._feed.append(connection, outcome.revoked)
        return applied(changes, alone, created, outcome.applied)

    def _fold(
        self, connection: Connection, changes: Sequence[Change], standing: Standing
    ) -> Outcome:
        before: dict[str, Stored] = {}
        for portion in portions(sorted({change.id for change in changes})):
            for row in connection.execute(self._statements.lock, portion):
                before[row.id] = record_of(row)
        return fold(changes, before, standing.refuses)

    def _write(self, connection: Connection, outcome: Outcome) -> None:
        for portion in portions(outcome.deleted()):
            connection.execute(self._statements.delete, portion)
        if rows := _rows(outcome.updated()):
            self._statements.update(connection, rows)

    def _insert_alone(self, connection: Connection, rows: Sequence[Row]) -> set[str]:
        """One statement is a transaction by itself, in one round trip."""
        with committing():
            return self._insert(connection, rows)

    def _insert_all(
        self, connection: Connection, alone: Sequence[Row], outcome: Outcome
    ) -> set[str]:
        """Insert those that may exist already, and those that were not there a moment ago."""
        absent = _rows(outcome.created())
        created = self._insert(connection, [*alone, *absent])
        if any(row["id"] not in created for row in absent):
            raise Collision
        return created

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> set[str]:
        """Insert the rows; the ids of those that were not there."""
        if not rows:
            return set()
        return self._statements.insert(connection, sorted(rows, key=lambda row: row["id"]))


def _rows(cookies: Iterable[Cookie]) -> list[Row]:
    return [row_of(cookie) for cookie in cookies]

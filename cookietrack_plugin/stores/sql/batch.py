"""A batch of changes as one transaction of few statements, however many changes there are."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from cookietrack_plugin.record import Change, Cookie, Delete, fenced_logins
from cookietrack_plugin.stores.kit.fold import Outcome, Stored, applied, fold, lone_creates
from cookietrack_plugin.stores.sql.engine import INSERT_ROWS
from cookietrack_plugin.stores.sql.feedwriter import FeedWriter
from cookietrack_plugin.stores.sql.fences import Fences, Standing
from cookietrack_plugin.stores.sql.reader import RecordReader
from cookietrack_plugin.stores.sql.statements import Row, Statements, portions
from cookietrack_plugin.stores.sql.tables import row_of
from cookietrack_plugin.stores.sql.transaction import commit, committing, rolling_back


class Collision(Exception):
    """Another node has created a record that was not there when this transaction looked."""


class Batches:
    """
    Applies batches.

    The records of a batch are read and locked, their new states are worked out here, and the
    outcome is written: one statement each for the deleted, the altered and the new records. A
    locked record cannot be deleted before it is written, so nothing is revived. New ones are
    inserted unless their id exists; a batch of these alone, or of deletions alone, reads nothing.
    The fences that concern logins are read in the round trip that begins the transaction.
    """

    def __init__(
        self, statements: Statements, reader: RecordReader, fences: Fences, feed: FeedWriter
    ) -> None:
        self._statements = statements
        self._reader = reader
        self._fences = fences
        self._feed = feed

    def apply(self, connection: Connection, changes: Sequence[Change]) -> list[bool]:
        """
        Apply `changes`, all or none; for each whether it applied.

        :raises Collision: nothing was done; retry.
        :raises ValueError: nothing was done: a record cannot be stored at all.
        """
        if all(isinstance(change, Delete) for change in changes):
            return self._delete(connection, [change.id for change in changes])
        alone = lone_creates(changes) if self._statements.insert_tells else {}
        rest = [change for change in changes if change.id not in alone]
        logins = fenced_logins(changes)
        if not (rest or logins) and len(alone) <= INSERT_ROWS:
            created = self._insert_alone(connection, _rows(alone.values()))
            return [change.id in created for change in changes]
        with rolling_back(connection):
            standing = self._fences.begin_logins(connection, logins)
            outcome = self._fold(connection, rest, standing)
            self._write(connection, outcome)
            refused = {login.id for login in logins if standing.refuses(login)}
            new = _rows(cookie for id, cookie in alone.items() if id not in refused)
            created = self._insert_all(connection, new, outcome)
            if outcome.revoked:
                self._feed.commit(connection, outcome.revoked)
            else:
                commit(connection)
        return applied(changes, alone, created, outcome.applied)

    def _delete(self, connection: Connection, ids: Sequence[str]) -> list[bool]:
        gone = self._feed.delete(connection, set(ids))
        first = {id: place for place, id in reversed(list(enumerate(ids)))}
        return [id in gone and first[id] == place for place, id in enumerate(ids)]

    def _fold(
        self, connection: Connection, changes: Sequence[Change], standing: Standing
    ) -> Outcome:
        before: dict[str, Stored] = {}
        for portion in portions(sorted({change.id for change in changes})):
            for row in connection.execute(self._statements.lock, portion):
                before[row.id] = self._reader.stored(row)
        return fold(changes, before, standing.refuses)

    def _write(self, connection: Connection, outcome: Outcome) -> None:
        for portion in portions(outcome.deleted()):
            connection.execute(self._statements.delete, portion)
        if rows := _rows(outcome.updated()):
            self._statements.update(connection, rows)

    def _insert_alone(self, connection: Connection, rows: Sequence[Row]) -> set[str]:
        """Insert them by one statement, which is a transaction by itself, in one round trip."""
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

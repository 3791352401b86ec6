"""Look-ups without a thread."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg.pq import Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Dialect, Table, select

from cookietrack_plugin.record import Cookie, is_id
from cookietrack_plugin.stores.sql.faults import translated
from cookietrack_plugin.stores.sql.postgresql.session import Session
from cookietrack_plugin.stores.sql.reader import RecordReader
from cookietrack_plugin.stores.sql.role import role_column, trusted
from cookietrack_plugin.stores.sql.types import restored


class Loads:
    """The methods of `INonBlockingLoad`. A look-up is one statement."""

    def __init__(
        self, session: Session, reader: RecordReader, cookies: Table, dialect: Dialect, place: str
    ) -> None:
        self._session = session
        self._reader = reader
        self._place = place
        statement = select(*cookies.columns, role_column(dialect.name))
        wanted = f"{statement.compile(dialect=dialect)} WHERE id = ANY(CAST($1 AS text[]))"
        self._statement = wanted.encode()

    def begin(self, ids: Sequence[str]) -> bool:
        """See `INonBlockingLoad.begin_load`."""
        if not self._session.is_ready():
            return False
        wanted = f"{{{','.join(filter(is_id, ids))}}}".encode()
        connection = self._session.connection
        connection.send_query_params(self._statement, [wanted], result_format=Format.BINARY)
        self._session.sent()
        return True

    def finish(self) -> Mapping[str, Cookie] | None:
        """See `INonBlockingLoad.finish_load`."""
        with translated(self._place):
            results = self._session.receive()
            if results is None:
                return None
            rows = (trusted(row) for row in _rows(results[0]))
            return {record.id: record for record in self._reader.readable(rows)}


def _rows(result: PGresult) -> Iterator[list[Any]]:
    """The columns of `cookies`, in their order and with their types, and the role."""
    value = result.get_value
    for row in range(result.ntuples):
        yield [
            *(_text(value(row, 0)), *(_number(value(row, column)) for column in (1, 2, 3))),
            *(_text(value(row, column)) for column in range(4, 10)),
            *(value(row, 10), _number(value(row, 11)), _number(value(row, 12))),
            value(row, 13) != b"\0",
        ]


def _number(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value, "big", signed=True)


def _text(value: bytes | None) -> str | None:
    return None if value is None else restored(value.decode())

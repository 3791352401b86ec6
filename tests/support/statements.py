"""How often a store goes to its database."""

from typing import Any

import pytest
from sqlalchemy import Connection, event

from cookietrack_plugin.stores.sql import fences
from cookietrack_plugin.stores.sql.driver import run_script
from cookietrack_plugin.stores.sql.feedwriter import mysql, postgresql
from cookietrack_plugin.stores.sql.psycopg import BoundedConnection
from cookietrack_plugin.stores.sql.store import SqlStore


class statements:
    """The statements that a store executes in the block, those of a script as one."""

    def __init__(self, store: SqlStore) -> None:
        self._engine = store._engine

    def __enter__(self) -> list[str]:
        self._seen: list[str] = []
        event.listen(self._engine, "before_cursor_execute", self._note)
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(BoundedConnection, "ask", self._noting(BoundedConnection.ask))
        for module in (fences, postgresql, mysql):
            self._patch.setattr(module, "run_script", self._noting_script(run_script))
        return self._seen

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)
        self._patch.undo()

    def _note(
        self, connection: Connection, _cursor: Any, statement: str, rows: Any, _: Any, many: bool
    ) -> None:
        # psycopg sends one for each row.
        is_split = many and isinstance(rows, list) and connection.dialect.driver == "psycopg"
        number = len(rows) if is_split else 1
        self._seen += [statement] * number

    def _noting(self, ask: Any) -> Any:
        def noted(connection: Any, statement: bytes, *values: bytes) -> Any:
            self._seen.append(statement.decode())
            return ask(connection, statement, *values)

        return noted

    def _noting_script(self, run: Any) -> Any:
        def noted(connection: Any, script: Any, values: Any = ()) -> Any:
            self._seen.append("; ".join(script))
            return run(connection, script, values)

        return noted

"""The SQL store on PostgreSQL: what its protocol and its notifications make possible."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine
from zope.interface import implementer

from cookietrack_plugin.interfaces import INonBlockingCommit, INonBlockingLoad, IRevocationSignal
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.sql.listener import Listener
from cookietrack_plugin.stores.sql.postgresql.commits import Commits
from cookietrack_plugin.stores.sql.postgresql.loads import Loads
from cookietrack_plugin.stores.sql.postgresql.message import Messages
from cookietrack_plugin.stores.sql.postgresql.session import Session
from cookietrack_plugin.stores.sql.store import ServerStore
from cookietrack_plugin.stores.sql.tables import Tables


@implementer(INonBlockingCommit, INonBlockingLoad, IRevocationSignal)
class PostgreSQLStore(ServerStore):
    """
    The same, without threads where possible, and with notifications of revocations (LISTEN and
    NOTIFY).

    The reactor drives two connections besides those of the pool. The threads that load and commit
    make them, as connecting can wait, and make them again when they are lost.
    """

    def __init__(self, engine: Engine, tables: Tables, place: str, timeout: float) -> None:
        super().__init__(engine, tables, place, timeout)
        dialect = engine.dialect
        self._listener = Listener(engine, tables.revoked.name, place)
        self._writing, self._reading = Session(engine, timeout), Session(engine, timeout)
        self._commits = Commits(self._writing, Messages(tables, dialect), place)
        self._loads = Loads(self._reading, self._reader, tables.cookies, dialect, place)

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found = super().load(ids)
        self._reading.connect()
        return found

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        results = super().commit(changes)
        self._writing.connect()
        return results

    def begin(self, changes: Sequence[Change]) -> bool:
        return self._commits.begin(changes)

    def fileno(self) -> int:
        return self._writing.fileno()

    def finish(self) -> Sequence[bool] | None:
        return self._commits.finish()

    def begin_load(self, ids: Sequence[str]) -> bool:
        return self._loads.begin(ids)

    def load_fileno(self) -> int:
        return self._reading.fileno()

    def finish_load(self) -> Mapping[str, Cookie] | None:
        return self._loads.finish()

    def await_revocation(self, seconds: float) -> None:
        self._listener.wait(seconds)

    def interrupt(self) -> None:
        self._listener.interrupt()

    def close(self) -> None:
        self._writing.close()
        self._reading.close()
        self._listener.close()
        super().close()

"""Batches that are committed without a thread."""

from collections.abc import Collection, Sequence

from psycopg.pq import Escaping
from psycopg.pq.abc import PGresult
from sqlalchemy.exc import DBAPIError

from cookietrack_plugin.record import Change, is_id
from cookietrack_plugin.stores.sql.faults import translated
from cookietrack_plugin.stores.sql.postgresql.message import Message, Messages
from cookietrack_plugin.stores.sql.postgresql.session import MAX_BYTES, Session
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome


class Commits:
    """
    The methods of `INonBlockingCommit`. A batch is one message, and is over one round trip later.

    :param place: the database, as people may see it.
    """

    def __init__(self, session: Session, messages: Messages, place: str) -> None:
        self._session = session
        self._messages = messages
        self._place = place
        self._changes: Sequence[Change] = ()
        self._message: Message | None = None

    def begin(self, changes: Sequence[Change]) -> bool:
        """See `INonBlockingCommit.begin`."""
        if not all(is_id(change.id) for change in changes) or not self._session.is_ready():
            return False
        message = self._messages.make(changes, self._quote, self._session.preamble)
        text = message.text.encode()
        if len(text) > MAX_BYTES:
            return False
        self._session.connection.send_query(text)
        self._session.sent()
        self._changes, self._message = changes, message
        return True

    def finish(self) -> Sequence[bool] | None:
        """See `INonBlockingCommit.finish`."""
        with translated(self._place):
            try:
                results = self._session.receive()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise UnknownOutcome from error
                raise
        if results is None:
            return None
        assert self._message is not None
        start = self._message.skipped
        ids = [_ids(each) for each in results[start : start + len(self._message.rounds)]]
        return self._message.applied(self._changes, ids)

    def _quote(self, text: str) -> str:
        return Escaping(self._session.connection).escape_literal(text.encode()).decode()


def _ids(result: PGresult) -> Collection[str]:
    found = (result.get_value(number, 0) for number in range(result.ntuples))
    return {id.decode() for id in found if id}

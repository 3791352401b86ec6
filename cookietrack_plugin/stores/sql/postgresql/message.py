"""A batch of changes as one message to PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Dialect

from cookietrack_plugin.record import (
    Authenticate,
    Change,
    Create,
    Delete,
    Touch,
    fenced_login,
    fenced_logins,
)
from cookietrack_plugin.stores.kit.fences import names_of
from cookietrack_plugin.stores.sql.feed import as_cursor
from cookietrack_plugin.stores.sql.feedwriter.entries import now
from cookietrack_plugin.stores.sql.locks import make_locking, slots_of
from cookietrack_plugin.stores.sql.postgresql.templates import Templates
from cookietrack_plugin.stores.sql.statements import Row, in_json
from cookietrack_plugin.stores.sql.tables import Tables, auth_columns, hash_of_name, row_of
from cookietrack_plugin.stores.sql.transaction import BEGIN

# Quotes a text for PostgreSQL.
Quote = Callable[[str], str]


@frozen
class Message:
    """
    `text`: its statements. `rounds`: which changes each of them applies; in each an id is once.
    `skipped`: how many results come before theirs.
    """

    text: str
    rounds: Sequence[Sequence[Change]]
    skipped: int

    def applied(self, changes: Sequence[Change], ids: Sequence[Collection[str]]) -> list[bool]:
        """
        For each of the batch's `changes` whether it applied.

        :param ids: those that each of the rounds has returned.
        """
        seen: Counter[str] = Counter()
        results = []
        for change in changes:
            results.append(change.id in ids[seen[change.id]])
            seen[change.id] += 1
        return results


class Messages:
    """
    Makes messages. One statement applies a whole batch, unless an id is in it more than once: then
    the second change of it is in a second statement, and so on, in one transaction. A batch with
    logins that fences may refuse is a transaction, too, as it begins with a lock.

    Only Python can tell that an authextra cannot be decoded, so that is not checked: a touch of
    such a record alters it, and a login replaces what was damaged.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self._templates = Templates(tables, dialect)
        self._lock = make_locking(tables, dialect)

    def make(self, changes: Sequence[Change], quote: Quote, preamble: str) -> Message:
        """
        :param preamble: see `BoundedConnection.preamble`.
        :raises ValueError: something cannot be encoded.
        """
        rounds = _rounds(changes)
        statements = [self._statement(each, quote) for each in rounds]
        lock = self._locks(changes)
        if len(rounds) == 1 and not lock:
            return Message(statements[0], rounds, 0)
        begin = BEGIN["postgresql"] + preamble
        skipped = 1 + preamble.count(";") + len(lock)
        return Message("; ".join([begin, *lock, *statements, "COMMIT"]), rounds, skipped)

    def _locks(self, changes: Sequence[Change]) -> list[str]:
        fenced = {login.authid for login in fenced_logins(changes)}
        return self._lock(slots_of(fenced), False) if fenced else []

    def _statement(self, changes: Sequence[Change], quote: Quote) -> str:
        by_type: dict[type, list[Any]] = {Create: [], Authenticate: [], Touch: [], Delete: []}
        for change in changes:
            by_type[type(change)].append(change)
        rows = {
            "new": list(_measured((each, row_of(each.cookie)) for each in by_type[Create])),
            "logins": list(_measured((each, _login_row(each)) for each in by_type[Authenticate])),
            "touches": [_touch_row(each) for each in by_type[Touch]],
        }
        given = {name: quote(in_json(each)) for name, each in rows.items() if each}
        if by_type[Delete]:
            given["gone"] = _array(by_type[Delete])
        locked = [change for change in changes if not isinstance(change, Create)]
        return self._templates.fill(given, _array(locked), now())


def _rounds(changes: Iterable[Change]) -> list[list[Change]]:
    """The first change of each id, then the second ones, and so on."""
    seen: Counter[str] = Counter()
    rounds: list[list[Change]] = []
    for change in changes:
        if seen[change.id] == len(rounds):
            rounds.append([])
        rounds[seen[change.id]].append(change)
        seen[change.id] += 1
    return rounds


def _login_row(login: Authenticate) -> Row:
    return {"id": login.id, "at": login.at, **auth_columns(login.auth)}


def _measured(rows: Iterable[tuple[Change, Row]]) -> Iterator[Row]:
    """The rows, with what their logins are checked by against the fences."""
    for change, row in rows:
        login = fenced_login(change)
        if login is None:
            yield row
        elif since := as_cursor(login.since):
            names = [hash_of_name(name) for name in names_of(*login.identity)]
            yield {**row, "number": since[0], "entry": since[1], "names": names}
        # Another position is of another feed: the login does not apply.


def _touch_row(touch: Touch) -> Row:
    return {
        "id": touch.id,
        "seen": touch.seen,
        "expires": touch.expires,
        "peer": touch.peer,
        "user_agent": touch.user_agent,
    }


def _array(changes: Iterable[Change]) -> str:
    """Their ids, which need no quotes, as PostgreSQL writes an array."""
    return f"'{{{','.join(change.id for change in changes)}}}'::text[]"

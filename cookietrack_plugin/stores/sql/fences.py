"""The fences of `stores.kit.fences` in a table, which transactions read when they begin."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Dialect, select

from cookietrack_plugin.record import Login, UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence, any_refuses, names_of
from cookietrack_plugin.stores.sql.driver import run_script
from cookietrack_plugin.stores.sql.feed import Cursor, as_cursor, kept_ids
from cookietrack_plugin.stores.sql.locks import make_locking, slots_of
from cookietrack_plugin.stores.sql.tables import Tables, hash_of_name
from cookietrack_plugin.stores.sql.transaction import begin, begin_statement


@frozen
class Standing:
    """
    The fences that may refuse the logins of a transaction.

    `fences`: by their name's hash. `known`: those of the logins' positions that the feed knows.
    """

    fences: Mapping[str, Fence]
    known: Collection[Cursor]

    def refuses(self, login: Login) -> bool:
        """Whether the login does not apply: its user was revoked since, or may have been."""
        since = as_cursor(login.since)
        if since is None or since not in self.known:
            return True
        if not self.fences:
            return False
        found = (self.fences.get(hash_of_name(name)) for name in names_of(*login.identity))
        return any_refuses(found, login.id, since[0])


class Fences:
    """
    The statements about fences.

    A transaction that needs them begins with locks, fences and positions, in this order and in one
    round trip. Each statement sees what was committed when it began (READ COMMITTED), so the fences
    that it reads include those of every revocation that held the locks before.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        fences, revoked = tables.fences, tables.revoked
        columns = select(fences.c.name, fences.c.position, fences.c.keep, fences.c.kept_from)
        self._select_fences = str(columns.compile(dialect=dialect))
        positions = select(revoked.c.number, revoked.c.id)
        self._select_positions = str(positions.compile(dialect=dialect))
        self._lock = make_locking(tables, dialect)

    def begin_logins(self, connection: Connection, logins: Sequence[Login]) -> Standing:
        """Begin a transaction with these logins; what may refuse them stays so until it ends."""
        if not logins:
            begin(connection)
            return Standing({}, ())
        identities = {login.identity for login in logins}
        names = {hash_of_name(name) for identity in identities for name in names_of(*identity)}
        lock = self._lock(slots_of(authid for authid, _ in identities), False)
        numbers = {cursor[0] for login in logins if (cursor := as_cursor(login.since))}
        script = [begin_statement(connection), *lock, self._fences(names)]
        if not numbers:
            *_, fences = run_script(connection, script)
            return Standing(_by_name(fences), ())
        *_, fences, positions = run_script(connection, [*script, self._positions(numbers)])
        return Standing(_by_name(fences), {(number, id) for number, id in positions})

    def begin_revocation(self, connection: Connection, revoked: UserRevoked) -> Fence | None:
        """Begin the transaction that revokes a user; the user's fence so far."""
        name = hash_of_name((revoked.authid, revoked.authrealm))
        lock = self._lock(slots_of([revoked.authid]), True)
        *_, fences = run_script(
            connection, [begin_statement(connection), *lock, self._fences([name])]
        )
        return _by_name(fences).get(name)

    def _fences(self, names: Collection[str]) -> str:
        quoted = ", ".join(f"'{name}'" for name in sorted(names))
        return f"{self._select_fences} WHERE name IN ({quoted})"

    def _positions(self, numbers: Collection[int]) -> str:
        return f"{self._select_positions} WHERE number IN ({', '.join(map(str, numbers))})"


def _by_name(rows: Sequence[Sequence[Any]]) -> dict[str, Fence]:
    return {
        name: Fence(position, kept_ids(keep), kept_from) for name, position, keep, kept_from in rows
    }

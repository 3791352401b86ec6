"""The revocation of a user, in one transaction of a few statements."""

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    LargeBinary,
    bindparam,
    cast,
    delete,
    select,
)

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.sql.feedwriter import FeedWriter
from cookietrack_plugin.stores.sql.fences import Fences
from cookietrack_plugin.stores.sql.tables import Tables, hash_of
from cookietrack_plugin.stores.sql.transaction import commit, rolling_back
from cookietrack_plugin.stores.sql.types import MYSQL, UnicodeText

# Records that every database deletes in a second. A statement must not take longer than the store's
# timeout, or a large store could never be revoked: more records are deleted in portions.
DELETED_PER_S = 25_000


class UserRevoker:
    """
    Deletes the records of users, and keeps out logins that began before.

    :param timeout: seconds that a statement may take.
    """

    def __init__(
        self, tables: Tables, dialect: str, fences: Fences, feed: FeedWriter, timeout: float
    ) -> None:
        self._portion = max(1, int(timeout * DELETED_PER_S))
        self._cookies = tables.cookies
        self._dialect = dialect
        self._fences = fences
        self._feed = feed

    def revoke(
        self, connection: Connection, revoked: UserRevoked, most: int | None = None
    ) -> tuple[int, bool]:
        """
        How many records were deleted, and whether the user is revoked. If not, there were too many
        records for one transaction: this portion is gone, and nothing else has happened.

        :param most: how many one transaction may delete, where it is less than there is time for.
        """
        portion = min(self._portion, most or self._portion)
        with rolling_back(connection):
            fence = self._fences.begin_revocation(connection, revoked)
            deleted = connection.execute(self._delete(revoked, portion)).rowcount
            complete = deleted < portion
            if complete:
                self._feed.commit_user(connection, revoked, fence)
            else:
                commit(connection)
        return deleted, complete

    def _delete(self, revoked: UserRevoked, portion: int) -> Delete:
        """Deletes a portion of the records, in the order of ids, in which all nodes lock them."""
        cookies, wanted = self._cookies, self._conditions(revoked)
        if self._dialect in MYSQL:
            # Both the primary key and the index by authid lead through the ids in order.
            limit = {"mysql_limit": portion, "mariadb_limit": portion}
            return delete(cookies).where(*wanted).with_dialect_options(**limit)
        ids = select(cookies.c.id).where(*wanted).order_by(cookies.c.id).limit(portion)
        if self._dialect == "postgresql":
            # PostgreSQL may execute a subquery with a limit more than once, a CTE it does not.
            ids = select(ids.with_for_update().cte("portion").c.id)
        return delete(cookies).where(cookies.c.id.in_(ids))

    def _conditions(self, revoked: UserRevoked) -> list[ColumnElement[bool]]:
        cookies, wanted = self._cookies, []
        if revoked.authid is not None:
            wanted.append(cookies.c.authid_hash == hash_of(revoked.authid))
            wanted.append(self._is(cookies.c.authid, revoked.authid))
        if revoked.authrealm is not None:
            wanted.append(self._is(cookies.c.authrealm, revoked.authrealm))
        if revoked.keep:
            wanted.append(cookies.c.id.not_in(sorted(revoked.keep)))
        return wanted

    def _is(self, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
        """Whether a column is `text`, to the last space: MySQL takes "joe " for "joe"."""
        value = bindparam(None, text, type_=UnicodeText)
        if self._dialect in MYSQL:
            return cast(column, LargeBinary) == cast(value, LargeBinary)
        return column == value

"""
Writes to the feed: each ends its transaction in the same round trip.

The row that numbers the entries is locked until the transaction ends, and all nodes wait for it. If
it were locked for a round trip, a database a few milliseconds away would take a few dozen logouts
a second from all nodes together.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from sqlalchemy import Connection

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.fences import Fence


class FeedWriter(Protocol):
    """Writes to the feed on one kind of database."""

    def delete(self, connection: Connection, ids: Collection[str]) -> set[str]:
        """
        Delete records and add them to the feed, as a transaction of its own; the ids of those that
        were there.
        """

    def commit(self, connection: Connection, ids: Sequence[str]) -> None:
        """Add the `ids` of records to the feed, and commit the transaction that revokes them."""

    def commit_user(
        self, connection: Connection, revoked: UserRevoked, fence: Fence | None
    ) -> None:
        """
        Add a user to the feed, replace the `fence` so far by one at the entry's position, and
        commit the transaction that deletes the records.
        """

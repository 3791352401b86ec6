"""A Redis store with non-blocking commits and look-ups."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import INonBlockingCommit, INonBlockingLoad
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.conversation import Conversation
from cookietrack_plugin.stores.redis.keys import Layout
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.swap import Found

T = TypeVar("T")


@implementer(INonBlockingCommit, INonBlockingLoad)
class NonBlockingRedisStore(RedisStore):
    """
    For one server without TLS, whose bytes on the wire are commands and answers. There is a
    connection for commits and one for look-ups. `commit` and `load` connect them, on their threads:
    so the first batch goes there, and the first after a fault.

    :param timeout: seconds for an answer.
    """

    def __init__(self, client: Client, layout: Layout, place: str, timeout: float) -> None:
        super().__init__(client, layout, place)
        self._commits: Conversation[list[bool]] = Conversation(client, timeout)
        self._loads: Conversation[dict[str, Found]] = Conversation(client, timeout)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        applied = super().commit(changes)
        self._commits.prepare()
        return applied

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found = super().load(ids)
        self._loads.prepare()
        return found

    def begin(self, changes: Sequence[Change]) -> bool:
        return self._translated(lambda: self._commits.begin(self._batches.apply(changes)))

    def fileno(self) -> int:
        return self._commits.fileno()

    def finish(self) -> Sequence[bool] | None:
        return self._translated(self._commits.finish)

    def begin_load(self, ids: Sequence[str]) -> bool:
        wanted = self._by_partition(ids)
        return self._translated(lambda: self._loads.begin(self._look_up(wanted)))

    def load_fileno(self) -> int:
        return self._loads.fileno()

    def finish_load(self) -> Mapping[str, Cookie] | None:
        found = self._translated(self._loads.finish)
        return None if found is None else self._readable(found)

    def close(self) -> None:
        self._commits.close()
        self._loads.close()
        super().close()

    def _translated(self, call: Callable[[], T]) -> T:
        """What `call` gives, with the errors of `_answering`, which alone takes longer than it."""
        if self._closed:
            raise StoreUnavailable(f"{self._place} is closed")
        try:
            return call()
        except Exception:
            with self._answering():
                raise

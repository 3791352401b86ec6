"""Work that waits for nothing, done where it is asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from cookietrack_plugin.errors import StoreUnavailable

T = TypeVar("T")


class InPlace(Generic[T]):
    """Like a `BatchingThread` whose batches are of one item, without the thread."""

    def __init__(self, work: Callable[[T], Any]) -> None:
        self._work = work
        self._closed = False

    def put(self, item: T) -> Deferred[Any]:
        """See `BatchingThread.put`: the Deferred has fired."""
        try:
            return succeed(self.do(item))
        except Exception:  # noqa: BLE001 - it is delivered to the caller
            return fail(Failure())

    def do(self, item: T) -> Any:
        """
        What `put` fires with.

        :raises StoreUnavailable: it is closed; and what the work raises.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return self._work(item)

    def close(self) -> Deferred[None]:
        """See `BatchingThread.close`."""
        self._closed = True
        return succeed(None)

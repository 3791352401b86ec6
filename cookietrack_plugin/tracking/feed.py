"""Makes what other workers and nodes revoke take effect in this worker, within a second."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.feed import FeedPage, FeedReader
from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.stores.kit.backoff import Backoff
from cookietrack_plugin.tracking.freshness import Freshness
from cookietrack_plugin.tracking.remote import RemoteRevocations

# The pause between two pages of a store that does not signal.
INTERVAL_S = 0.4
# The same for a store that signals: a burst of revocations makes one page.
SIGNALLED_INTERVAL_S = 0.02
# The longest pause after a failure: the feed is read within a second after that is over.
MAX_RETRY_S = 0.5


class Feed:
    """
    Reads the store's feed page by page. `Freshness` has the position up to which that was applied.

    If the store does not answer, the feed goes on from that position once it does. If the store has
    lost the position, what is known here may be stale: everything is looked up, and the feed starts
    with a new one.

    :param label: what the log calls the store.
    """

    log = make_logger()

    def __init__(
        self,
        remote: RemoteRevocations,
        reader: FeedReader,
        freshness: Freshness,
        reactor: Any,
        label: str = "the cookie store",
    ) -> None:
        self._remote = remote
        self._reader = reader
        self._freshness = freshness
        self._reactor = reactor
        self._label = label
        self._backoff = Backoff(INTERVAL_S, MAX_RETRY_S)
        self._failing = False
        self._signal_down = False
        self._stopped = False
        self._lost = False
        self._timer: Any = None
        freshness.on_demand = self._poll_soon
        self._poll()

    def stop(self) -> Deferred[None]:
        """Read no more. Fires when the thread has ended. Idempotent."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._freshness.stop()
        return self._reader.close()

    def _poll_soon(self) -> None:
        """
        Read the next page now, as a caller waits for it; if a page is being read, right after that.
        """
        if not self._stopped and self._timer is not None and self._timer.active():
            self._timer.cancel()
            self._poll()

    def _poll(self) -> None:
        self._timer = None
        position = None if self._lost else self._freshness.position
        page = self._reader.read(position).addCallback(self._apply)
        page.addErrback(self._failed).addCallback(self._again)

    def _apply(self, page: FeedPage) -> Deferred[float]:
        self._note_signal(page)
        applied: Deferred[Any] = (
            self._remote.resynchronize() if self._lost else self._remote.apply(page.revoked)
        )
        return applied.addCallback(self._synced, page)

    def _synced(self, _: Any, page: FeedPage) -> float:
        """The seconds until the next page."""
        self._lost = False
        self._freshness.synced(page.position, page.asked)
        self._backoff.reset()
        if self._failing:
            text = "{store}: revocations of other workers are known again"
            self.log.info(text, store=self._label)
            self._failing = False
        if self._freshness.is_awaited():
            return 0.0
        return SIGNALLED_INTERVAL_S if page.signalled else INTERVAL_S

    def _failed(self, failure: Failure) -> float:
        if not self._failing and not self._stopped:
            text = "{store}: revocations of other workers are not known: {cause}"
            self.log.warn(text, store=self._label, cause=failure.value)
        self._failing = True
        self._freshness.failed()
        if failure.check(PositionLost):
            self._lost = True
        return self._backoff.pause()

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._reactor.callLater(seconds, self._poll)

    def _note_signal(self, page: FeedPage) -> None:
        if page.cause and not self._signal_down:
            self.log.debug(
                "{store} is asked for revocations every {interval} seconds, as it does not signal"
                " them: {cause}",
                store=self._label,
                interval=INTERVAL_S,
                cause=page.cause,
            )
        elif self._signal_down and not page.cause:
            self.log.debug("{store} signals revocations again", store=self._label)
        self._signal_down = page.cause is not None

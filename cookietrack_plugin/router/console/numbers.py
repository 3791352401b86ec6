"""The numbers of a store: the same as its metrics have, as JSON."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.access.metrics import Histogram
from cookietrack_plugin.router.console.history import INTERVAL_S, quantile
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.health import status
from cookietrack_plugin.tracking.tracker import Tracker


class StoreNumbers:
    """What the console shows of its store at a glance."""

    def __init__(self, watched: WatchedStore) -> None:
        self._watched = watched

    def with_history(self) -> Deferred[dict[str, Any]]:
        """`now`, and the points of the last minutes."""
        points = self._watched.observation().history.points()
        return self.now().addCallback(
            lambda numbers: {**numbers, "interval": INTERVAL_S, "points": points}
        )

    def now(self) -> Deferred[dict[str, Any]]:
        """The numbers now; without the store's own if it does not answer in time (`Probe`)."""
        probe = self._watched.probe()
        stat: Deferred[Mapping[str, Any]] = probe.numbers() if probe else succeed({})
        return stat.addCallback(self._of)

    def health(self) -> dict[str, Any]:
        """Whether the store answers, why it does not, and how far behind this worker is."""
        tracker, cause = self._watched.tracker(), self._watched.cause()
        return {
            "status": status(not cause),
            "cause": cause,
            "pending": tracker.pending,
            "queue_age": tracker.health.queue_age(),
            "feed_age": tracker.health.feed_age(),
            "clock_skew": tracker.clock.skew(),
        }

    def _of(self, stat: Mapping[str, Any]) -> dict[str, Any]:
        tracker = self._watched.tracker()
        metrics = tracker.metrics
        return {
            "at": tracker.clock.now(),
            "cookies": stat.get("cookies"),
            "logged_in": stat.get("authenticated"),
            "bytes": stat.get("bytes"),
            **_connected(tracker),
            "handshakes": dict(metrics.handshakes),
            "requests": dict(metrics.requests),
            "events": dict(metrics.events),
            "faults": dict(metrics.faults),
            "swept": metrics.swept,
            "commit": _times(metrics.commit_seconds),
            "load": _times(metrics.load_seconds),
            "health": self.health(),
        }


def _connected(tracker: Tracker) -> dict[str, int]:
    """Of this worker."""
    return {
        "connections": tracker.connections,
        "connected_cookies": tracker.connected,
        "connected_logins": tracker.logged_in,
    }


def _times(histogram: Histogram) -> dict[str, Any]:
    return {
        "count": sum(histogram.counts),
        "seconds": histogram.total,
        "p50": quantile(histogram, 0.5),
        "p99": quantile(histogram, 0.99),
    }

"""What a store's tracker did in the last minutes, as points of a chart."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from attrs import asdict, frozen

from cookietrack_plugin.access.metrics import Histogram, Metrics, Outcome
from cookietrack_plugin.router.console.observed import Observed
from cookietrack_plugin.tracking.tracker import Tracker

INTERVAL_S = 5.0
# A quarter of an hour.
MAX_POINTS = 180


@frozen
class Point:
    """
    One interval, which ended `at`, in Unix milliseconds.

    `seconds`: its length. `handshakes`, `logins`, `refusals`, `requests`: how many there were;
    `requests` are those at guards. `commit`, `load`: the mean time of a commit and of a look-up, in
    seconds; None if there was none. `connections`: how many were open at its end.
    """

    at: int
    seconds: float
    handshakes: int
    logins: int
    refusals: int
    requests: int
    commit: float | None
    load: float | None
    connections: int


@frozen
class _Totals:
    """Counts and sums since the store was opened."""

    handshakes: int
    logins: int
    refusals: int
    requests: int
    commits: int
    commit_seconds: float
    loads: int
    load_seconds: float

    @classmethod
    def of(cls, metrics: Metrics) -> "_Totals":
        handshakes, requests, events = metrics.handshakes, metrics.requests, metrics.events
        return cls(
            handshakes.total(),
            events["authenticated"],
            events["refused"]
            + events["denied"]
            + handshakes[Outcome.LIMITED]
            + requests[Outcome.FORBIDDEN]
            + requests[Outcome.CROSS_SITE],
            requests.total(),
            sum(metrics.commit_seconds.counts),
            metrics.commit_seconds.total,
            sum(metrics.load_seconds.counts),
            metrics.load_seconds.total,
        )


class History(Observed):
    """
    Takes a point every `INTERVAL_S` from now on. On the reactor's thread.

    :param reactor: gives time and timers: see `MonotonicReactor`.
    """

    def __init__(self, tracker: Tracker, reactor: Any) -> None:
        super().__init__()
        self._tracker = tracker
        self._reactor = reactor
        self._points: deque[Point] = deque(maxlen=MAX_POINTS)
        self._before, self._since = _Totals.of(tracker.metrics), reactor.seconds()
        self._wait()

    def points(self) -> Sequence[dict[str, Any]]:
        """All points, the oldest first."""
        return [asdict(point) for point in self._points]

    def _wait(self) -> None:
        self._reactor.callLater(INTERVAL_S, self._take)

    def _take(self) -> None:
        self._wait()
        now, totals = self._reactor.seconds(), _Totals.of(self._tracker.metrics)
        self._points.append(self._between(totals, now - self._since))
        self._before, self._since = totals, now
        self._changed()

    def _between(self, totals: _Totals, seconds: float) -> Point:
        before = self._before
        return Point(
            self._tracker.clock.now(),
            round(seconds, 3),
            totals.handshakes - before.handshakes,
            totals.logins - before.logins,
            totals.refusals - before.refusals,
            totals.requests - before.requests,
            _mean(
                totals.commit_seconds - before.commit_seconds,
                totals.commits - before.commits,
            ),
            _mean(totals.load_seconds - before.load_seconds, totals.loads - before.loads),
            self._tracker.connections,
        )


def _mean(seconds: float, count: int) -> float | None:
    return round(seconds / count, 6) if count > 0 else None


def quantile(histogram: Histogram, share: float) -> float | None:
    """
    The lowest bound of a histogram that `share` of its observations do not exceed, an upper
    estimate of that quantile; None without observations, or if the quantile exceeds all bounds.
    """
    wanted, found = share * sum(histogram.counts), 0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=False):
        found += count
        if found >= wanted > 0:
            return bound
    return None

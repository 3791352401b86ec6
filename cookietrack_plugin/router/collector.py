"""
Prometheus' metric families of the worker's stores. Imported where prometheus-client is installed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from cookietrack_plugin.access.metrics import Histogram, Metrics
from cookietrack_plugin.tracking.tracker import Tracker

PREFIX = "cookietrack_"

# What a store is called, its tracker, and what it says of itself (`ICookieStore.stat`).
Labelled = tuple[str, Tracker, Mapping[str, Any]]
Gauge = tuple[str, str, Callable[[Tracker, Mapping[str, Any]], float | None]]
Counter = tuple[str, str | None, str, Callable[[Metrics], Mapping[str, float]]]
Timing = tuple[str, str, Callable[[Metrics], Histogram]]

# Name, and text; the value may be None.
GAUGES: tuple[Gauge, ...] = (
    ("cookies", "Records in the store", lambda t, s: s.get("cookies")),
    ("store_bytes", "Bytes that the store takes", lambda t, s: s.get("bytes")),
    ("connected_cookies", "Cookies with a live connection", lambda t, s: t.connected),
    ("logged_in_cookies", "Records with a login", lambda t, s: s.get("authenticated")),
    (
        "connected_logged_in_cookies",
        "Cookies with a live connection and a login",
        lambda t, s: t.logged_in,
    ),
    ("queued_writes", "Writes that wait for the store", lambda t, s: t.pending),
    (
        "queue_age_seconds",
        "Seconds that the oldest of them has waited",
        lambda t, s: t.health.queue_age(),
    ),
    (
        "feed_age_seconds",
        "Seconds since what other workers revoke was last known",
        lambda t, s: t.health.feed_age(),
    ),
    (
        "clock_skew_seconds",
        "Seconds by which this machine's clock is ahead of the store's time",
        lambda t, s: t.clock.skew(),
    ),
)
# Name, what its values are told apart by, and text.
COUNTERS: tuple[Counter, ...] = (
    ("handshakes", "outcome", "Handshakes", lambda m: m.handshakes),
    ("requests", "outcome", "Requests at guards", lambda m: m.requests),
    ("events", "kind", "What happened to cookies", lambda m: m.events),
    ("faults", "cause", "Handshakes and requests at guards that failed", lambda m: m.faults),
    ("swept", None, "Expired records removed", lambda m: {"": m.swept}),
)
HISTOGRAMS: tuple[Timing, ...] = (
    ("commit_seconds", "Seconds that a commit of one batch took", lambda m: m.commit_seconds),
    ("load_seconds", "Seconds that a look-up took", lambda m: m.load_seconds),
    ("batch_size", "Changes in a batch", lambda m: m.batch_size),
)


class Collector:
    """
    Turns what the trackers measured into metric families.

    :param away: the labels of the stores that could not be opened yet.
    """

    def __init__(self, labelled: list[Labelled], away: list[str]) -> None:
        self._labelled = labelled
        self._away = away

    def collect(self) -> Iterator[Metric]:
        yield self._up()
        yield from map(self._gauge, GAUGES)
        yield from map(self._counter, COUNTERS)
        yield from map(self._histogram, HISTOGRAMS)

    def _up(self) -> GaugeMetricFamily:
        up = self._gauge(("store_up", "Whether the store answers", lambda t, s: float(bool(s))))
        for label in self._away:
            up.add_metric([label], 0.0)
        return up

    def _gauge(self, gauge: Gauge) -> GaugeMetricFamily:
        name, text, value = gauge
        family = GaugeMetricFamily(PREFIX + name, text, labels=["store"])
        for label, tracker, stat in self._labelled:
            if (number := value(tracker, stat)) is not None:
                family.add_metric([label], number)
        return family

    def _counter(self, counter: Counter) -> CounterMetricFamily:
        name, dimension, text, values = counter
        labels = ["store", *([dimension] if dimension else [])]
        family = CounterMetricFamily(PREFIX + name, text, labels=labels)
        for label, tracker, _ in self._labelled:
            for key, number in values(tracker.metrics).items():
                family.add_metric([label, key] if dimension else [label], number)
        return family

    def _histogram(self, timing: Timing) -> HistogramMetricFamily:
        name, text, value = timing
        family = HistogramMetricFamily(PREFIX + name, text, labels=["store"])
        for label, tracker, _ in self._labelled:
            histogram = value(tracker.metrics)
            family.add_metric([label], list(_buckets(histogram)), histogram.total)
        return family


def _buckets(histogram: Histogram) -> Iterable[tuple[str, int]]:
    total = 0
    for bound, count in zip([*histogram.bounds, None], histogram.counts, strict=True):
        total += count
        yield ("+Inf" if bound is None else str(float(bound))), total

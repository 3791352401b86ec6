"""Prometheus metrics of the worker's stores, as a path service of a Web transport."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crossbar.common.checkconfig import InvalidConfigException, check_dict_args
from crossbar.webservice.base import RouterWebService
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cookietrack_plugin.access.metrics import Histogram
from cookietrack_plugin.router.health import LivenessResource, ReadinessResource
from cookietrack_plugin.router.probe import Probes
from cookietrack_plugin.router.storelabels import store_labels
from cookietrack_plugin.router.stores import OpenStores, open_stores
from cookietrack_plugin.tracking.tracker import Tracker

PREFIX = "cookietrack_"


def check_metrics_service(personality: Any, config: Mapping[str, Any]) -> None:
    """
    Check a `cookietrack-metrics` path service, which has no options.

    :raises InvalidConfigException: also where prometheus-client is not installed.
    """
    check_dict_args({"id": (False, [str]), "type": (True, [str])}, config, "metrics service")
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise InvalidConfigException(
            "the cookietrack-metrics service needs a library that is not installed:"
            ' pip install "cookietrack-plugin[metrics]"'
        ) from error


class MetricsService(RouterWebService):
    """`{"type": "cookietrack-metrics"}`."""

    @staticmethod
    def create(transport: Any, path: str, config: Mapping[str, Any]) -> "MetricsService":
        check_metrics_service(transport.worker.personality, config)
        resource = MetricsResource(open_stores(transport.cbdir))
        return MetricsService(transport, path, config, resource)


class MetricsResource(Resource):
    """
    Renders the text format, at its own path and at `metrics` below it; beside that, `healthz` and
    `readyz`. The stores that are not known to be away are asked, on threads.
    """

    def __init__(self, stores: OpenStores) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._stores = stores
        self._probes = Probes(stores)
        liveness = LivenessResource()  # type: ignore[no-untyped-call,unused-ignore]
        self.putChild(b"healthz", liveness)
        self.putChild(b"readyz", ReadinessResource(stores, self._probes))

    def getChild(self, path: bytes, request: Any) -> Any:
        is_page = path in (b"", b"metrics") and not request.postpath
        return self if is_page else notFound()

    def render_GET(self, request: Any) -> int:
        self._render(request).addErrback(request.processingFailed)
        return NOT_DONE_YET

    @inlineCallbacks
    def _render(self, request: Any) -> Any:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        gone = request.notifyFinish().addErrback(lambda _: None)
        trackers = self._stores.trackers()
        probes = self._probes.of_open()
        stats = yield gatherResults([probes[key].numbers() for key in trackers])
        if gone.called:
            # The client has disconnected: nobody is left to answer.
            return
        away = self._stores.away()
        labels = store_labels([*trackers, *away])
        labelled = [
            (labels[key], tracker, stat)
            for (key, tracker), stat in zip(trackers.items(), stats, strict=True)
        ]
        registry = CollectorRegistry()
        registry.register(Collector(labelled, [labels[key] for key in away]))
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        request.write(generate_latest(registry))
        request.finish()


Labelled = tuple[str, Tracker, Mapping[str, Any]]


class Collector:
    """
    Turns what the trackers measured into Prometheus' metric families.

    :param away: the labels of the stores that could not be opened yet.
    """

    def __init__(self, labelled: list[Labelled], away: list[str]) -> None:
        self._labelled = labelled
        self._away = away

    def collect(self) -> Iterator[Any]:
        yield self._up()
        yield self._gauge("cookies", "Records in the store", lambda t, s: s.get("cookies"))
        yield self._gauge("store_bytes", "Bytes that the store takes", lambda t, s: s.get("bytes"))
        yield self._gauge(
            "connected_cookies", "Cookies with a live connection", lambda t, s: t.connected
        )
        yield self._gauge(
            "logged_in_cookies", "Records with a login", lambda t, s: s.get("authenticated")
        )
        yield self._gauge(
            "connected_logged_in_cookies",
            "Cookies with a live connection and a login",
            lambda t, s: t.logged_in,
        )
        yield self._gauge("queued_writes", "Writes that wait for the store", lambda t, s: t.pending)
        yield self._gauge(
            "queue_age_seconds",
            "Seconds that the oldest of them has waited",
            lambda t, s: t.health.queue_age(),
        )
        yield self._gauge(
            "feed_age_seconds",
            "Seconds since what other workers revoke was last known",
            lambda t, s: t.health.feed_age(),
        )
        yield self._gauge(
            "clock_skew_seconds",
            "Seconds by which this machine's clock is ahead of the store's time",
            lambda t, s: t.clock.skew(),
        )
        yield self._counter("handshakes", "outcome", "Handshakes", lambda m: m.handshakes)
        yield self._counter("requests", "outcome", "Requests at guards", lambda m: m.requests)
        yield self._counter("events", "kind", "What happened to cookies", lambda m: m.events)
        yield self._counter(
            "faults", "cause", "Handshakes and requests at guards that failed", lambda m: m.faults
        )
        yield self._counter("swept", None, "Expired records removed", lambda m: {"": m.swept})
        yield self._histogram(
            "commit_seconds", "Seconds that a commit of one batch took", lambda m: m.commit_seconds
        )
        yield self._histogram(
            "load_seconds", "Seconds that a look-up took", lambda m: m.load_seconds
        )
        yield self._histogram("batch_size", "Changes in a batch", lambda m: m.batch_size)

    def _up(self) -> Any:
        up = self._gauge("store_up", "Whether the store answers", lambda t, s: float(bool(s)))
        for label in self._away:
            up.add_metric([label], 0.0)
        return up

    def _gauge(self, name: str, text: str, value: Any) -> Any:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(PREFIX + name, text, labels=["store"])
        for label, tracker, stat in self._labelled:
            if (number := value(tracker, stat)) is not None:
                family.add_metric([label], number)
        return family

    def _counter(self, name: str, dimension: str | None, text: str, values: Any) -> Any:
        from prometheus_client.core import CounterMetricFamily

        labels = ["store", *([dimension] if dimension else [])]
        family = CounterMetricFamily(PREFIX + name, text, labels=labels)
        for label, tracker, _ in self._labelled:
            for key, number in values(tracker.metrics).items():
                family.add_metric([label, key] if dimension else [label], number)
        return family

    def _histogram(self, name: str, text: str, value: Any) -> Any:
        from prometheus_client.core import HistogramMetricFamily

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

"""Prometheus metrics of the worker's stores, as a path service of a Web transport."""

from collections.abc import Mapping
from typing import Any

from crossbar.common.checkconfig import InvalidConfigException
from crossbar.webservice.base import RouterWebService
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cookietrack_plugin.router.health import LivenessResource, ReadinessResource
from cookietrack_plugin.router.optionless import check_optionless
from cookietrack_plugin.router.probe import Probes
from cookietrack_plugin.router.storelabels import store_labels
from cookietrack_plugin.router.stores import OpenStores, open_stores


def check_metrics_service(personality: Any, config: Mapping[str, Any]) -> None:
    """
    Check a `cookietrack-metrics` path service, which has no options.

    :raises InvalidConfigException: also where prometheus-client is not installed.
    """
    check_optionless(config, "metrics service")
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

        from cookietrack_plugin.router.collector import Collector

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

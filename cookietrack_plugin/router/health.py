"""Whether a worker answers, and whether clients should be sent to it: for a supervisor."""

from json import loads
from typing import Any

from twisted.web.resource import Resource

from cookietrack_plugin.config.redaction import without_secrets
from cookietrack_plugin.router.probe import Probes
from cookietrack_plugin.router.storelabels import store_labels
from cookietrack_plugin.router.stores import OpenStores
from cookietrack_plugin.router.web.answers import json_answer

OK, UNAVAILABLE = "ok", "unavailable"


class LivenessResource(Resource):
    """`/healthz`: the process answers, even while its stores do not: a restart would not help."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return json_answer(request, 200, {"status": OK})


class Readiness:
    """Whether the stores of a worker answer. Nobody waits for a store."""

    def __init__(self, stores: OpenStores, probes: Probes) -> None:
        self._stores = stores
        self._probes = probes

    def causes(self) -> dict[str, str | None]:
        """
        Why each store cannot be relied on now, without what may be secret; None for one that can.
        By the stores' items as JSON.
        """
        probed = {key: probe.cause() for key, probe in self._probes.of_open().items()}
        known = self._stores.causes()
        causes = {key: cause or probed.get(key) for key, cause in known.items()}
        return {
            key: without_secrets(cause, loads(key)) if cause else None
            for key, cause in causes.items()
        }


class ReadinessResource(Resource):
    """
    `/readyz`: the stores answer, and what other workers revoke is known; otherwise 503 with each
    store's cause.
    """

    isLeaf = True

    def __init__(self, stores: OpenStores, probes: Probes) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._readiness = Readiness(stores, probes)

    def render_GET(self, request: Any) -> bytes:
        causes = self._readiness.causes()
        labels = store_labels(causes)
        stores = [
            {"store": labels[key], "status": status(not cause), "cause": cause}
            for key, cause in causes.items()
        ]
        is_ready = not any(causes.values())
        answer = {"status": status(is_ready), "stores": stores}
        return json_answer(request, 200 if is_ready else 503, answer)


def status(is_well: bool) -> str:
    """What a health check says of a store, or of all."""
    return OK if is_well else UNAVAILABLE

"""Crossbar's proxy worker: its transports checked, and forced logouts noticed."""

from typing import Any

from crossbar.worker.proxy import ProxyController
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.tracking.revocation import LOGOUT


class CookieProxyController(ProxyController):
    """
    A session behind a proxy that is killed with the logout reason: the frontend's protocol sees an
    ABORT without the reason. The backend's session has it.
    """

    @inlineCallbacks
    def map_backend(self, frontend: Any, *args: Any, **kwargs: Any) -> Any:
        transport = frontend and frontend.transport
        backend = yield super().map_backend(frontend, *args, **kwargs)
        if isinstance(transport, TrackedProtocol):
            backend.on("leave", lambda _, details: _left(transport, details))
        return backend


def _left(transport: TrackedProtocol, details: Any) -> None:
    if details.reason == LOGOUT:
        transport.end_cookie()


def check_proxy(personality: Any, worker: Any) -> None:
    """Crossbar checks nothing of a proxy worker: check its transports, as starting them will."""
    for transport in worker.get("transports", ()):
        personality.check_router_transport(personality, transport)


def with_cookie_proxy(native_workers: dict[str, Any]) -> dict[str, Any]:
    """A copy of a personality's `native_workers` with this proxy worker in it."""
    proxy = {
        **native_workers["proxy"],
        "worker_class": CookieProxyController,
        "checkconfig_item": check_proxy,
    }
    return {**native_workers, "proxy": proxy}

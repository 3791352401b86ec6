"""The path service `wsgi`."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError
from crossbar.webservice.base import RouterWebService
from twisted.web.server import NOT_DONE_YET
from twisted.web.wsgi import WSGIResource

from cookietrack_plugin.router.web.forwarding import BadHost, host_of
from cookietrack_plugin.router.web.relay import refuse
from cookietrack_plugin.router.web.root import rooted
from cookietrack_plugin.router.web.threads import ApplicationThreads
from cookietrack_plugin.router.web.window import ClientWindow
from cookietrack_plugin.router.web.wsgicall import WsgiCall
from cookietrack_plugin.router.web.wsgirequest import WsgiRequest

MOST_THREADS = 20
# Requests that may wait for a thread: each holds a file descriptor, and its body.
MOST_WAITING = 1000
BAD_REQUEST, SERVICE_UNAVAILABLE = 400, 503
RETRY_AFTER_S = 1


class WsgiService(RouterWebService):
    """
    `{"type": "wsgi"}`, with the options of Crossbar's service, in router workers and in proxy
    workers.
    """

    @staticmethod
    def create(transport: Any, path: str, config: Mapping[str, Any]) -> "WsgiService":
        """:raises ApplicationError: without such an application, or with such numbers."""
        personality = transport.worker.personality
        personality.WEB_SERVICE_CHECKERS["wsgi"](personality, config)
        application = _load(config["module"], config["object"])
        least, most = config.get("minthreads", 0), config.get("maxthreads", MOST_THREADS)
        if not 0 <= least <= most or most < 1:
            raise _invalid(f"expected 0 <= minthreads <= maxthreads, found {least} and {most}")
        threads = ApplicationThreads(transport.worker._reactor, least, most)
        resource = ApplicationResource(transport.worker._reactor, threads, application)
        return WsgiService(transport, path, config, rooted(resource, path))


class ApplicationResource(WSGIResource):
    """Answers requests by a WSGI application on the service's threads."""

    def __init__(self, reactor: Any, threads: ApplicationThreads, application: Any) -> None:
        super().__init__(reactor, threads.pool, application)  # type: ignore[no-untyped-call,unused-ignore]
        self._threads = threads

    def render(self, request: Any) -> int:
        if self._threads.waiting >= MOST_WAITING:
            request.setHeader(b"retry-after", str(RETRY_AFTER_S).encode())
            refuse(request, SERVICE_UNAVAILABLE)
            return NOT_DONE_YET
        try:
            host_of(request)
        except BadHost as error:
            refuse(request, BAD_REQUEST, str(error))
            return NOT_DONE_YET
        return self._call(request)

    def _call(self, request: Any) -> int:
        window = ClientWindow(self._reactor, request)
        seen = WsgiRequest(request, window)
        call = WsgiCall(self._application, seen.variables(), window)
        self._threads.watch(window)
        # One for each request, as Twisted hands its application nothing but the environment.
        return WSGIResource(self._reactor, self._threadpool, call).render(seen)


def _load(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise _invalid(
            f'WSGI app module "{module}" import failed: {error} - Python search path was {sys.path}'
        ) from error
    except AttributeError as error:
        raise _invalid(f'WSGI app object "{name}" not in module "{module}"') from error


def _invalid(text: str) -> ApplicationError:
    return ApplicationError("crossbar.error.invalid_configuration", text)

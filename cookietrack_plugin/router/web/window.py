"""Flow control between the thread of a WSGI application and the client of its response."""

from threading import Event
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from cookietrack_plugin.router.web.channel import abort_connection, is_paused


@implementer(IPushProducer)
class ClientWindow:
    """
    Makes an application's thread wait until its client reads. On the reactor's thread, except
    `wait`, `is_gone` and `abort_from_thread`.
    """

    def __init__(self, reactor: Any, request: Any) -> None:
        self._reactor = reactor
        self._request = request
        self._is_open = Event()
        self._is_open.set()
        self._is_closed = False
        # Whether the client is gone.
        self.is_gone = False
        self.when_done = request.notifyFinish()
        self.when_done.addErrback(self._gone)
        request.registerProducer(self, True)
        if is_paused(request.channel):
            self.pauseProducing()

    def wait(self) -> None:
        """Wait until the client has read most of what was written, or has gone."""
        self._is_open.wait()

    def close(self) -> bool:
        """Close the window; whether the caller has to end the response. True once at most."""
        if self.is_gone or self._is_closed:
            return False
        self._is_closed = True
        self._request.unregisterProducer()
        return True

    def abort_from_thread(self) -> None:
        """Call `abort` on the reactor's thread."""
        self._reactor.callFromThread(self.abort)

    def abort(self) -> None:
        """Abort the client's connection, so that it does not take its part for the whole."""
        abort_connection(self._request)
        self._gone()

    def pauseProducing(self) -> None:
        if not self.is_gone:
            self._is_open.clear()

    def resumeProducing(self) -> None:
        self._is_open.set()

    def stopProducing(self) -> None:
        self._gone()

    def _gone(self, _: Failure | None = None) -> None:
        self.is_gone = True
        self._is_open.set()

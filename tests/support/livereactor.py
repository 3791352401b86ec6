"""A real reactor with a network, on a thread of its own, beside that of the test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import blockingCallFromThread


class LiveReactor(SelectReactor):
    """Runs until its context ends; it is not the one that `twisted.internet.reactor` names."""

    def ask(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the call gives on the reactor's thread, its Deferred's result too."""
        return blockingCallFromThread(self, call, *args, **kwargs)

    def serve(self, factory: Any, context: Any = None) -> Any:
        """Listen on a free port, with TLS where there is a context for it; the port."""
        listen = self.listenTCP if context is None else self.listenSSL
        more = () if context is None else (context,)
        return self.ask(listen, 0, factory, *more, interface="127.0.0.1")


@contextmanager
def live_reactor() -> Iterator[LiveReactor]:
    reactor = LiveReactor()
    thread = Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
    thread.start()
    try:
        yield reactor
    finally:
        reactor.callFromThread(reactor.stop)
        thread.join()

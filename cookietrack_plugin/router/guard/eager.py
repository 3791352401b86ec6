"""Small files, which are sent in the turn of the reactor in which they are asked for."""

from typing import Any

from twisted.web.static import StaticProducer

from cookietrack_plugin.router.guard.draining import is_draining
from cookietrack_plugin.router.web.forms import SpooledFormRequest

# A file up to the size of Twisted's buffer is one read, and another one that finds its end.
_READS = 2


class EagerRequest(SpooledFormRequest):
    """
    A request that, if it is `eager`, reads the beginning of a file at once. Otherwise Twisted reads
    it in later turns of the reactor, a part in each: for a small file that takes as long as the
    guard does.
    """

    eager = False
    # The producer that is read here, before Twisted has it.
    _reading: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if not self._reads_at_once(producer):
            super().registerProducer(producer, streaming)
            return
        self._reading = producer
        for _ in range(_READS):
            producer.resumeProducing()
            if self._reading is None:
                return
        self._reading = None
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        if self._reading is None:
            super().unregisterProducer()
        self._reading = None

    def _reads_at_once(self, producer: Any) -> bool:
        """Not for a stream of HTTP/2, nor for a client that has not read what it was sent."""
        return (
            self.eager
            and self.transport is not None
            and isinstance(producer, StaticProducer)
            and not is_draining(self.channel)
        )

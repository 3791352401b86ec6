"""Answers that are complete, and have not left yet."""

from collections.abc import Callable
from typing import Any

from cookietrack_plugin.router.web.channel import connection_of, is_paused

# How often a buffer is looked at.
DRAIN_S = 0.25


def is_draining(channel: Any) -> bool:
    """Whether a client does not read as fast as it was written to."""
    connection = connection_of(channel)
    if connection is not channel:
        return channel.streamID in connection.streams
    return is_paused(channel)


class Draining:
    """
    Waits until a slow client has read what a service has written all at once. Twisted reports an
    empty buffer to producers alone, and the service is none any more.

    :param channel: Twisted's, of HTTP/1, or a stream of HTTP/2.
    :param done: called when all but a little has left, or the client is gone.
    """

    def __init__(self, channel: Any, reactor: Any, done: Callable[[], None]) -> None:
        self._channel = channel
        self._transport = connection_of(channel).transport
        self._reactor = reactor
        self._done = done
        self._look()

    def abort(self) -> None:
        """Nothing more leaves. Synchronous."""
        self._transport.abortConnection()

    def _look(self) -> None:
        if is_draining(self._channel) and self._transport.connected:
            self._reactor.callLater(DRAIN_S, self._look)
        else:
            self._done()

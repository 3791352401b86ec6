"""What Twisted's HTTP channels do not show of their connections, in one place."""

from typing import Any


def connection_of(channel: Any) -> Any:
    """The object that has the transport: of an HTTP/2 stream its connection, else the channel."""
    return getattr(channel, "_conn", channel)


def is_paused(channel: Any) -> bool:
    """
    Whether the client of an HTTP/1 connection has not read what was written to it. Over TLS Twisted
    calls a new producer only when that changes. False for a stream of HTTP/2.
    """
    return bool(getattr(channel, "_waitingForTransport", False))


def abort_connection(request: Any) -> bool:
    """
    Abort the client's connection; whether there was one: Twisted takes the channel from a request
    whose response is complete. With HTTP/2 too the whole connection: Twisted resets a stream with
    NO_ERROR, which clients take for the end of a body.
    """
    channel = getattr(request, "channel", None)
    if channel is None:
        return False
    connection_of(channel).transport.abortConnection()
    return True

"""The router's side of a request that is being answered (`tracking.connections.Link`)."""

from typing import Any

from twisted.internet.defer import Deferred, succeed


class RequestLink:
    """
    Ends a request by aborting its connection: nothing more is read from or sent to the client.

    :param request: a `GuardedRequest`. `peer`: where the client is, as Crossbar writes it.
    """

    __slots__ = ("_peer", "_request")

    def __init__(self, request: Any, peer: str) -> None:
        self._request = request
        self._peer = peer

    @property
    def peer(self) -> str:
        return self._peer

    def discard_input(self) -> None:
        self._request.abort()

    def detach(self) -> Deferred[None]:
        return succeed(None)

    def close(self, reason: str, code: int) -> None:
        """Do nothing: `discard_input` has aborted the connection."""

    def forget_login(self) -> None:
        """Do nothing: nobody logs in with a request."""

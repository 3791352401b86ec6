"""
Ends connections, in three steps.

Input is discarded at once. Then the sessions are taken off the router, a few in each turn of the
reactor. Once the end is durable, GOODBYE and Close are sent, and two seconds later the TCP
connections are aborted (`Link.close`).
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from txaio.tx import make_logger

from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.spread import SpreadCalls

# WebSocket close codes (RFC 6455, section 7.4.1).
NORMAL_CLOSURE, INTERNAL_ERROR = 1000, 1011


class Ending:
    """
    Connections whose input is discarded.

    :param detached: for each of them a Deferred that fires when its session is off the router's
        lists.
    :param earlier: fires when the sessions of earlier ends are off them, too: they may be of the
        same cookie or user.
    """

    def __init__(
        self,
        connections: list[TrackedConnection],
        detached: list[Deferred[None]],
        earlier: Deferred[None],
        calls: SpreadCalls,
    ) -> None:
        self.connections = connections
        self._detached = detached
        self._earlier = earlier
        self._calls = calls

    def close(self, reason: str, code: int = NORMAL_CLOSURE) -> Deferred[Any]:
        """
        Close each connection once its session is off the router. Fires when all are closed.

        :param reason: a WAMP URI. `code`: of the WebSocket Close.
        """

        def close(_: None, connection: TrackedConnection) -> Deferred[Any]:
            return self._calls.add(partial(connection.link.close, reason, code))

        pairs = zip(self.connections, self._detached, strict=True)
        closed = [done.addCallback(close, connection) for connection, done in pairs]
        return DeferredList([*closed, self._earlier])


class Termination:
    """Ends connections. On the reactor's thread."""

    log = make_logger()

    def __init__(self, connections: Connections, calls: SpreadCalls) -> None:
        self._connections = connections
        self._calls = calls
        # The numbers of sessions that are not off the router yet, in order; and what waits for all
        # up to a number.
        self._numbers = count()
        self._detaching: OrderedDict[int, None] = OrderedDict()
        self._waiters: deque[tuple[int, Deferred[None]]] = deque()

    def begin(self, connections: Iterable[TrackedConnection]) -> Ending:
        """
        Discard what their clients send from now on. Nothing else happens before this returns: the
        router may be in the middle of one of them.
        """
        ending = [each for each in connections if not each.ended]
        for connection in ending:
            connection.ended = True
            connection.link.discard_input()
            self._connections.drop(connection)
        earlier = self._all_detached()
        return Ending(ending, [self._detach(each) for each in ending], earlier, self._calls)

    def end(
        self, connections: Iterable[TrackedConnection], reason: str, code: int = NORMAL_CLOSURE
    ) -> Deferred[Any]:
        """End connections where nothing has to be stored first. Fires when they are closed."""
        return self.begin(connections).close(reason, code)

    def _detach(self, connection: TrackedConnection) -> Deferred[None]:
        number = next(self._numbers)
        self._detaching[number] = None
        detached = self._calls.add(connection.link.detach)
        return detached.addErrback(self._not_detached).addCallback(self._detached, number)

    def _detached(self, _: Any, number: int) -> None:
        del self._detaching[number]
        oldest = next(iter(self._detaching), None)
        while self._waiters and (oldest is None or self._waiters[0][0] < oldest):
            self._waiters.popleft()[1].callback(None)

    def _all_detached(self) -> Deferred[None]:
        """Fires when all sessions that are being taken off the router now are off it."""
        if not self._detaching:
            return succeed(None)
        latest = next(reversed(self._detaching))
        self._waiters.append((latest, Deferred()))
        return self._waiters[-1][1]

    def _not_detached(self, failure: Any) -> None:
        self.log.failure("a session cannot be taken off the router", failure=failure)

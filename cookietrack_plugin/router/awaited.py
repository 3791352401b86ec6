"""A store on its way to being open: a node starts without one that is away."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.stores.kit.backoff import AWAY_S, WRONG_S, Backoff

# How long a transport waits before it listens. By then a server has said what is wrong.
START_S = 2.0
# Errors that may pass by themselves: no answer, no room, no thread.
_AWAY = (StoreUnavailable, StoreFull, RuntimeError, OSError, MemoryError)


class AwaitedStore:
    """
    Opens one store, and tries again as long as it is away. On the reactor's thread.

    In the first seconds an error that does not pass by itself, such as `ConfigError`, ends the
    attempts. Later it does not, as transports listen by then: it is logged as critical, and opening
    is tried again.

    :param name: what the log calls the store.
    :param tracked: whether its provider opens an `ICookieStore`.
    :param attempt: opens it; a Deferred.
    """

    log = make_logger()

    def __init__(
        self,
        name: str,
        tracked: bool,
        attempt: Callable[[], Deferred[IRouterCookieStore]],
        reactor: Any,
    ) -> None:
        self.tracked = tracked
        # The store, once it is open; and until then why it is not, if that is known.
        self.store: IRouterCookieStore | None = None
        self.refusal: StoreUnavailable | None = None
        self._name = name
        self._attempt = attempt
        self._reactor = reactor
        self._away, self._wrong = Backoff(*AWAY_S), Backoff(*WRONG_S)
        self._started: Deferred[None] = _handled()
        self._opened: Deferred[IRouterCookieStore] = _handled()
        self._closing = False
        # The causes that the log has already.
        self._said: set[str] = set()
        self._timer = reactor.callLater(START_S, self._start)
        self._in_flight = self._try()

    def started(self) -> Deferred[None]:
        """
        Fires when transports may listen: the store is open, is known to be away, or has not
        answered for two seconds. Fails with what is wrong.
        """
        return fan_out(self._started)

    def opened(self) -> Deferred[IRouterCookieStore]:
        """Fires with the store when it is open. Fails with what is wrong."""
        return fan_out(self._opened)

    def close(self) -> Deferred[Any]:
        """Close the store if it is open, or is still opened by an attempt in flight."""
        self._closing = True
        if self._timer.active():
            self._timer.cancel()
        # No transport begins to listen while the worker stops.
        closing = StoreUnavailable("the worker stops")
        for awaiting in (self._started, self._opened):
            if not awaiting.called:
                awaiting.errback(closing)
        return fan_out(self._in_flight).addCallbacks(lambda store: store.close(), lambda _: None)

    def _try(self) -> Deferred[IRouterCookieStore]:
        attempt: Deferred[IRouterCookieStore] = maybeDeferred(self._attempt)
        fan_out(attempt).addCallbacks(self._succeeded, self._failed)
        return attempt

    def _succeeded(self, store: IRouterCookieStore) -> None:
        if self.refusal:
            self.log.info("the {name} is open", name=self._name)
        self.store, self.refusal = store, None
        self._start()
        if not self._closing:
            self._opened.callback(store)

    def _failed(self, failure: Failure) -> None:
        if self._closing:
            return
        is_away = failure.check(*_AWAY) is not None
        self._say(str(failure.value), is_away)
        if is_away or self._started.called:
            self._start()
            backoff, other = (self._away, self._wrong)[:: 1 if is_away else -1]
            other.reset()
            self._try_later(backoff.pause())
        else:
            self._started.errback(failure)
            self._opened.errback(failure)

    def _say(self, cause: str, is_away: bool) -> None:
        """One line for each cause, and not for each attempt."""
        self.refusal = StoreUnavailable(cause)
        if cause in self._said:
            return
        self._said.add(cause)
        if is_away:
            text = "the {name} cannot be opened yet; until it can, clients get 503: {cause}"
            self.log.error(text, name=self._name, cause=cause)
        else:
            text = "the {name} cannot be opened: {cause}"
            log = self.log.critical if self._started.called else self.log.error
            log(text, name=self._name, cause=cause)

    def _start(self) -> None:
        if self._timer.active():
            self._timer.cancel()
        if not self._started.called:
            self._started.callback(None)

    def _try_later(self, seconds: float) -> None:
        if not self._closing:
            self._timer = self._reactor.callLater(seconds, self._try_again)

    def _try_again(self) -> None:
        self._in_flight = self._try()


def _handled() -> Deferred[Any]:
    """A Deferred whose failure Twisted does not report as unhandled if nobody waits for it."""
    deferred: Deferred[Any] = Deferred()
    fan_out(deferred).addErrback(lambda _: None)
    return deferred

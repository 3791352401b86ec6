"""Listeners over a router store that is passed through, such as Crossbar's own `database`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.router.handshake import CheckedProtocol
from cookietrack_plugin.router.redacted import RedactedHandshake
from cookietrack_plugin.router.redactor import HandshakeRedactor


class RevealingStore:
    """
    Shows a store that knows its cookies by their values those values, and hides from the router any
    that the store did not issue: another listener may have, and the router logs it.
    """

    def __init__(self, store: IRouterCookieStore) -> None:
        self._store = store
        self._redactor: HandshakeRedactor | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def revealing(self, redactor: HandshakeRedactor) -> Iterator[None]:
        """Within the block `parse` is for the connection of this redactor."""
        self._redactor = redactor
        try:
            yield
        finally:
            self._redactor = None

    def parse(self, headers: Mapping[str, str]) -> str | None:
        """The first of the presented cookies that the store has issued."""
        if self._redactor is None:
            return None
        for revealed in self._redactor.reveal(headers):
            found = self._store.parse(revealed)
            if found and self._store.exists(found):
                return found
        return None


class UntrackedProtocol(RedactedHandshake, CheckedProtocol):
    """A connection whose cookie is its store's business alone."""

    def _own_cookie(self) -> CookieSettings:
        return CookieSettings.of(self.factory._config["cookie"])

    def onConnect(self, request: Any) -> Any:
        with self.factory._cookiestore.revealing(self._redactor):
            return super().onConnect(request)

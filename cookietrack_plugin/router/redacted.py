"""Crossbar's WebSocket protocol behind a door: no value of a cookie gets past it."""

from typing import Any

from crossbar.router.protocol import WampWebSocketServerProtocol

from cookietrack_plugin.router.door import Door


class HandshakeRedactor:
    def __init__(self, settings: Any) -> None:
        self._door = Door(settings)
        self.issue, self.enter, self.leave = self._door.issue, self._door.enter, self._door.leave

    @property
    def presented(self) -> list[str]:
        return [self._door.presented] if self._door.presented else []

    def set_cookie(self, id: str, max_age: int) -> str:
        return self._door.set_cookie(max_age)


class RedactedProtocol(WampWebSocketServerProtocol):
    _redactor: Any

    def connectionMade(self) -> None:
        self._redactor = HandshakeRedactor(self.factory._cookiestore.settings)
        super().connectionMade()

    def processHandshake(self) -> None:
        self.data = self._redactor.enter(self.data)
        super().processHandshake()

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        super().sendData(self._redactor.leave(data), sync, chopsize)

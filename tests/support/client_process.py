"""The process that `tests.support.client.Clients` talks to: Autobahn sessions by name."""

import json
import sys
from pathlib import Path
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp.auth import compute_wcs
from autobahn.wamp.exception import ApplicationError, TransportLost
from autobahn.wamp.types import ComponentConfig
from twisted.internet import endpoints, reactor, ssl, stdio
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.protocols.basic import LineOnlyReceiver


class Protocol(WampWebSocketClientProtocol):
    def connectionMade(self) -> None:
        self.factory.client.protocol = self
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        self.factory.client.lost.callback(None)

    def onConnect(self, response: Any) -> None:
        self.factory.client.state["set_cookie"] = response.headers.get("set-cookie")
        super().onConnect(response)

    def processHandshake(self) -> None:
        if b"\r\n\r\n" in self.data:
            self.factory.client.state["status"] = int(self.data.split(b" ", 2)[1])
        super().processHandshake()

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        super().onClose(wasClean, code, reason)
        self.factory.client.closed(code, reason)


class Client(ApplicationSession):
    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(ComponentConfig(realm=params["realm"]))
        self.params = params
        self.opened: Deferred[Any] = Deferred()
        self.left: Deferred[Any] = Deferred()
        self.gone: Deferred[Any] = Deferred()
        # Of its connection, which may end before there is a session.
        self.protocol: Protocol | None = None
        self.lost: Deferred[Any] = Deferred()
        self.received: list[Any] = []
        self.state: dict[str, Any] = dict.fromkeys(
            ("set_cookie", "status", "authid", "authrole", "authmethod", "authprovider", "error",
             "authextra", "close_code", "close_reason", "leave_reason", "session")
        )  # fmt: skip
        self.state.update(joined=False, closed=False, challenged=False)

    def onConnect(self) -> None:
        if not self.params["join"]:
            self._fire(self.opened)
            return
        self._hello(self.params["methods"])

    def _hello(self, methods: Any) -> None:
        who, extra = self.params["authid"], self.params["authextra"]
        self.join(self.params["realm"], list(methods), who, authextra=extra)

    def rejoin(self, methods: Any) -> "Deferred[Any]":
        """Say HELLO again: fires when joined, refused or closed."""
        self.opened, self.left = Deferred(), Deferred()
        self._hello(methods)
        return self.opened

    def onChallenge(self, challenge: Any) -> Any:
        self.state["challenged"] = True
        secret = self.params["secret"]
        if challenge.method == "ticket":
            return secret
        return compute_wcs(secret, challenge.extra["challenge"])

    def onJoin(self, details: Any) -> None:
        self.state.update(
            joined=True,
            authid=details.authid,
            authrole=details.authrole,
            authmethod=details.authmethod,
            authprovider=details.authprovider,
            authextra=details.authextra,
            session=details.session,
        )
        self._fire(self.opened)

    def onLeave(self, details: Any) -> None:
        self.state.update(joined=False, leave_reason=details.reason, error=details.message)
        self._fire(self.opened)
        self._fire(self.left)
        if self.params["stay"]:
            return
        self.disconnect()

    def closed(self, code: int, reason: str) -> None:
        self.state.update(joined=False, closed=True, close_code=code, close_reason=reason)
        for waiting in (self.opened, self.left, self.gone):
            self._fire(waiting)

    def _fire(self, waiting: Deferred[Any]) -> None:
        if not waiting.called:
            waiting.callback(None)


def _endpoint(factory: Any, authority: str | None) -> Any:
    """Where the server is; over TLS, one whose certificate `authority` has signed: a PEM file."""
    endpoint = endpoints.TCP4ClientEndpoint(reactor, factory.host, factory.port)
    if authority is None:
        return endpoint
    trusted = ssl.Certificate.loadPEM(Path(authority).read_bytes())
    options = ssl.optionsForClientTLS(factory.host, trustRoot=trusted)
    return endpoints.wrapClientTLS(options, endpoint)


class Commands(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 2**24

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}

    def lineReceived(self, line: bytes) -> None:
        params = json.loads(line)
        op = getattr(self, params.pop("op"))
        done = ensureDeferred(op(params.pop("name"), **params))
        done.addCallbacks(
            lambda result: {"result": result}, lambda failure: {"failure": failure.getTraceback()}
        )
        done.addCallback(lambda answer: self.sendLine(json.dumps(answer, default=str).encode()))

    def connectionLost(self, reason: Any) -> None:
        if reactor.running:
            reactor.stop()

    async def open(self, name: str, **params: Any) -> Any:
        client = self.clients[name] = Client(params)
        factory = WampWebSocketClientFactory(
            lambda: client, url=params["url"], headers=params["headers"]
        )
        factory.protocol = Protocol
        factory.client = client
        factory.noisy = False
        factory.setProtocolOptions(openHandshakeTimeout=60)
        await _endpoint(factory, params["authority"]).connect(factory)
        await client.opened
        return client.state

    async def call(self, name: str, procedure: str, args: Any, kwargs: Any) -> Any:
        try:
            return await self.clients[name].call(procedure, *args, **kwargs)
        except ApplicationError as error:
            return {"error": error.error, "args": error.args}
        except TransportLost:
            return {"error": "the connection was closed before the answer", "args": []}

    async def subscribe(self, name: str, topic: str) -> None:
        client = self.clients[name]
        await client.subscribe(
            lambda *args, **kwargs: client.received.append([topic, args, kwargs]), topic
        )

    async def events(self, name: str) -> Any:
        return self.clients[name].received

    async def status(self, name: str) -> Any:
        return self.clients[name].state

    async def leave(self, name: str, reason: str) -> Any:
        client = self.clients[name]
        client.leave(reason)
        await client.left
        return client.state

    async def join(self, name: str, methods: Any) -> Any:
        client = self.clients[name]
        await client.rejoin(methods)
        return client.state

    async def close(self, name: str) -> None:
        client = self.clients[name]
        if not client.state["closed"]:
            if client._transport:
                client._transport.sendClose()
            await client.gone

    async def forget(self, name: str) -> None:
        """Cut every connection off, as the end of this process would."""
        clients, self.clients = list(self.clients.values()), {}
        for client in clients:
            if client.protocol is not None and not client.lost.called:
                client.protocol.transport.abortConnection()
                await client.lost


if __name__ == "__main__":
    stdio.StandardIO(Commands())
    reactor.run()
    sys.exit(0)

"""WebSocket services that a test starts in a worker that runs already."""

import json
from pathlib import Path
from typing import Any

from servers.ports import free_port
from tests.support import configs
from tests.support.client import Clients, Session

ROOT = Path(__file__).parents[2]


def create(config: Any, controller: Any) -> Any:
    """In the worker: an authenticator who starts the service that a ticket describes."""

    async def start_service(realm: str, authid: str, details: Any) -> Any:
        path, service = json.loads(details["ticket"])
        try:
            await controller.start_web_transport_service("web", path, service)
        except Exception as error:
            print("refused:", error, flush=True)
            raise
        return {"role": "user"}

    return start_service


class LateServices:
    """A Web transport, and the door at which a client gets services added to it."""

    def __init__(self) -> None:
        self._door, self.web = free_port(), free_port()
        self.ports = (self._door, self.web)

    def config(self, *transports: dict[str, Any], **paths: Any) -> dict[str, Any]:
        """A node with the two, with these services and other transports from the beginning."""
        starter = {"type": "function", "create": f"{__name__}.create", "expose_controller": True}
        endpoint = {"type": "tcp", "port": self.web, "interface": "127.0.0.1"}
        return configs.router(
            configs.websocket(self._door, auth={"ticket": starter}),
            {"id": "web", "type": "web", "endpoint": endpoint, "paths": paths},
            *transports,
            options={"pythonpath": [str(ROOT)]},
        )

    def start(self, clients: Clients, path: str, service: dict[str, Any]) -> Session:
        """A client that has joined if the service was started."""
        ticket = json.dumps([path, service])
        url = f"ws://127.0.0.1:{self._door}/"
        return clients.open(url, methods=("ticket",), authid="x", secret=ticket)

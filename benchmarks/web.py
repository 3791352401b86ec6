"""Web transports whose files stand behind a guard, and beside it."""

from pathlib import Path
from typing import Any

from benchmarks import config

OPEN, GUARDED = "open", "guarded"


class WebTransport(config.Transport):
    """
    The same WebSocket at a path of a Web transport, and the node's folder `files` at two others,
    one of them behind a guard.
    """

    def config(self) -> dict[str, Any]:
        websocket = super().config()
        endpoint = websocket.pop("endpoint")
        files = {"type": "static", "directory": "files"}
        guard = {"type": "cookietrack-guard", "cookie": websocket.get("cookie"), "path": files}
        paths = {
            "/": {"type": "json", "value": {}},
            config.PATH.lstrip("/"): websocket,
            OPEN: files,
            GUARDED: guard,
        }
        if self.store is None:
            del paths[GUARDED]
        return {"type": "web", "endpoint": endpoint, "paths": paths}


def write_file(home: Path, name: str, size: int) -> None:
    """A file that the transports of the node in this directory serve."""
    directory = home / "files"
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(b"x" * size)

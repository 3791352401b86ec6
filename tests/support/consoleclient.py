"""A client of the console's API, as any program may be one."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from tests.support.http import PATIENCE_S, HttpClient, Reply

BASE = "/console/api/v1/"


class ConsoleClient:
    """Of one port. `cookie`: the text of a Cookie header, None for a stranger."""

    def __init__(self, port: int, cookie: str | None = None) -> None:
        self._http = HttpClient(port, cookie)
        self._port, self._cookie = port, cookie

    def status(self, path: str) -> int:
        return self._http.ask(BASE + path).status

    def get(self, path: str, **query: Any) -> Any:
        return _parsed(self._http.ask(f"{BASE}{path}?{urlencode(query)}"))

    def end(self, **what: Any) -> Any:
        """End what the API is told to."""
        body = json.dumps(what).encode()
        return _parsed(self._http.post(f"{BASE}end", body, Content_Type="application/json"))

    @contextmanager
    def watching(self) -> Iterator["Events"]:
        """What happens, as it comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request("GET", f"{BASE}stream", headers={"Cookie": self._cookie or ""})
            response = connection.getresponse()
            assert response.status == 200
            yield Events(response)
        finally:
            connection.close()


class Events:
    """Server-sent events."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def wait_for(self, kind: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """What comes with the next event of a kind."""
        name = ""
        while line := self._response.readline().decode().rstrip("\n"):
            key, _, text = line.partition(": ")
            if key == "event":
                name = text
            elif key == "data":
                self._response.readline()
                if name == kind and wanted(data := json.loads(text)):
                    return data
        raise AssertionError(f"the stream has ended without {kind}")


def _parsed(reply: Reply) -> Any:
    assert reply.status == 200, reply
    return json.loads(reply.body)

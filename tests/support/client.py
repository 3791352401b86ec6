"""
Autobahn clients for tests: real ones, in a process of their own that is told what to do by lines of
JSON. Tests use `Clients`; the process runs `main`.
"""

import atexit
import json
import subprocess
import sys
from itertools import count
from typing import Any

from tests.support.node import wait_for


class Session:
    """One client connection, seen from the test."""

    def __init__(self, clients: "Clients", name: str, state: dict[str, Any]) -> None:
        self.clients = clients
        self.name = name
        self.state = state

    def __getattr__(self, key: str) -> Any:
        """What the client knew when it was opened: cookie, set_cookie, joined, authid, ..."""
        try:
            return self.state[key]
        except KeyError:
            raise AttributeError(key) from None

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """Call a WAMP procedure; its result. Errors come as `{"error": uri, "args": [...]}`."""
        return self.clients.ask("call", self.name, procedure=procedure, args=args, kwargs=kwargs)

    def subscribe(self, topic: str) -> None:
        self.clients.ask("subscribe", self.name, topic=topic)

    def events(self) -> list[Any]:
        return self.clients.ask("events", self.name)

    def leave(self, reason: str = "wamp.close.normal") -> dict[str, Any]:
        """Say GOODBYE; fires when the router has answered, or the connection was closed."""
        return self.clients.ask("leave", self.name, reason=reason)

    def join(self, *methods: str) -> dict[str, Any]:
        """Say HELLO (again) on the same connection; the state once joined, refused or closed."""
        return self.clients.ask("join", self.name, methods=methods)

    def close(self) -> None:
        """Close the connection and wait until it is."""
        self.clients.ask("close", self.name)

    def status(self) -> dict[str, Any]:
        """joined, closed, close_code, leave_reason as they are now."""
        return self.clients.ask("status", self.name)

    def wait_closed(self) -> dict[str, Any]:
        return wait_for(lambda: (s := self.status())["closed"] and s, f"{self.name} is closed")


def _started() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.client_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


# Processes that no test uses. A start takes a second of processor time, so the next test takes one.
_idle: "list[subprocess.Popen[str]]" = []


@atexit.register
def _end_idle() -> None:
    while _idle:
        _end(_idle.pop())


class Clients:
    """The process with the clients, which no other `Clients` uses until `close`."""

    def __init__(self) -> None:
        self._process = _idle.pop() if _idle else _started()
        self._names = count(1)
        self._asking = 0

    def ask(self, op: str, name: str, **params: Any) -> Any:
        """Send a command and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asking += 1
        self._process.stdin.write(json.dumps({"op": op, "name": name, **params}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client process has ended"
        self._asking -= 1
        answer = json.loads(line)
        assert "failure" not in answer, answer["failure"]
        return answer["result"]

    def open(
        self,
        url: str,
        cookie: str | None = None,
        methods: tuple[str, ...] = ("anonymous",),
        authid: str | None = None,
        secret: str | None = None,
        realm: str | None = "realm1",
        headers: dict[str, str] | None = None,
        join: bool = True,
        stay: bool = False,
        authextra: dict[str, Any] | None = None,
        authority: str | None = None,
    ) -> Session:
        """
        Connect and join. Fires when joined, refused, or closed. `cookie` is a Cookie header's text.
        `join`: say HELLO at once. `stay`: keep the connection open after a GOODBYE. `authority`:
        the file of the certificate that has signed the server's, for wss.

        The state has: `set_cookie` (the header), `cookie` (what to send the next time), `joined`,
        `authid`, `authrole`, `authmethod`, `authprovider`, `authextra`, `challenged`, `error`,
        `status` (HTTP).
        """
        name = f"client{next(self._names)}"
        sent = dict(headers or {}, **({"Cookie": cookie} if cookie else {}))
        state = self.ask(
            "open",
            name,
            url=url,
            headers=sent,
            methods=methods,
            authid=authid,
            secret=secret,
            realm=realm,
            join=join,
            stay=stay,
            authextra=authextra,
            authority=authority,
        )
        set_cookie = state["set_cookie"]
        state["cookie"] = set_cookie.partition(";")[0] if set_cookie else cookie
        return Session(self, name, state)

    def login(self, url: str, authid: str = "alice", cookie: str | None = None) -> Session:
        """As a page does: by cookie, else by WAMP-CRA (alice, bob) or ticket (carol)."""
        method, secret = {
            "alice": ("wampcra", "alice-secret"),
            "bob": ("wampcra", "bob-secret"),
            "carol": ("ticket", "carol-ticket"),
        }[authid]
        return self.open(url, cookie, ("cookie", method), authid, secret)

    def close(self) -> None:
        """Cut all connections off; the next takes the process, unless an answer is due."""
        if self._asking:
            _end(self._process)
            return
        self.ask("forget", "")
        _idle.append(self._process)

"""A node behind TLS, reached by several host names, and what scripts of its page do there."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from selenium.webdriver import Chrome

from servers.ports import free_port
from tests.support import configs
from tests.support.certificates import key_hash, write_certificate
from tests.support.node import Node, running, wait_for

# Two sites: browsers take them for strangers to each other.
HERE, THERE = "here.example", "there.example"
# Connects, says HELLO, answers a challenge by the ticket: WELCOME's details, or what came instead.
_VISIT = """
const [url, details, ticket, done] = arguments;
const socket = new WebSocket(url, "wamp.2.json");
let challenged = false;
const send = (...message) => socket.send(JSON.stringify(message));
const end = (what) => { done({...what, challenged}); socket.close(); };
socket.onopen = () => send(1, "realm1", {roles: {caller: {}}, ...details});
socket.onclose = (event) => done({error: `closed with ${event.code}`});
socket.onmessage = (event) => {
  const [kind, ...rest] = JSON.parse(event.data);
  if (kind === 4) { challenged = true; send(5, ticket, {}); }
  else end(kind === 2 ? rest[1] : {error: JSON.stringify(rest)});
};
"""
_FRAME = """
const [url, done] = arguments;
const frame = document.createElement("iframe");
frame.onload = () => done();
frame.src = url;
document.body.replaceChildren(frame);
"""


class Pages:
    """
    A node whose Web transport has an empty page, and WebSockets at paths.

    :param sockets: the `cookie` item and the `auth` item of each path, in no more than one folder.
    """

    def __init__(self, folder: Path, sockets: Mapping[str, tuple[Any, Any]]) -> None:
        self._port = free_port()
        self._last = list(sockets)[-1]
        web = folder / "web"
        web.mkdir()
        (web / "index.html").write_text("<!doctype html><title>empty</title><body></body>")
        owner = os.getuid(), os.getgid()
        self._certificate, key = write_certificate(folder, owner, (HERE, THERE))
        tls = {"certificate": str(self._certificate), "key": str(key)}
        transport = configs.websocket(self._port) | {"type": "web", "paths": _paths(web, sockets)}
        transport["endpoint"]["tls"] = tls
        del transport["auth"]
        self.node = Node(folder / "node", configs.router(transport))

    @contextmanager
    def served(self) -> Iterator["Pages"]:
        with running(self.node, self._port):
            # The node listens before it has its paths, which it starts one after the other.
            wait_for(lambda: self._answer(self._last) != HTTPStatus.NOT_FOUND, "the last path")
            yield self

    def _answer(self, path: str) -> int:
        context = ssl.create_default_context(cafile=self._certificate)
        context.check_hostname = False
        try:
            with urlopen(f"https://127.0.0.1:{self._port}/{path}", context=context) as response:
                return int(response.status)
        except HTTPError as error:
            return error.code

    def flags(self) -> list[str]:
        """With these a browser finds the node by its names, and trusts its certificate alone."""
        return [
            f"--host-resolver-rules=MAP *.example 127.0.0.1:{self._port}",
            f"--ignore-certificate-errors-spki-list={key_hash(self._certificate)}",
        ]

    def open(self, browser: Chrome, host: str = HERE, framed: str | None = None) -> None:
        """Show the page of a host; with `framed`, in it that of another one, whose scripts run."""
        browser.get(f"https://{host}/")
        if framed:
            browser.execute_async_script(_FRAME, f"https://{framed}/")
            browser.switch_to.frame(0)


def visit(browser: Chrome, path: str) -> dict[str, Any]:
    """The details of WELCOME for a visitor, by the script of a page of `HERE`."""
    return _welcomed(_run(browser, path, {"authmethods": ["anonymous"]}))


def log_in(browser: Chrome, path: str) -> dict[str, Any]:
    """The same for carol, by cookie or else by ticket; `challenged`: the cookie did not do."""
    return _welcomed(_run(browser, path, {"authmethods": ["cookie", "ticket"], "authid": "carol"}))


def stop_by(browser: Chrome, path: str) -> None:
    """Connect, with no more than a cookie to log in by, which does not do."""
    assert "error" in _run(browser, path, {"authmethods": ["cookie"]})


def _welcomed(found: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in found, found
    return found


def _run(browser: Chrome, path: str, details: Mapping[str, Any]) -> dict[str, Any]:
    ticket = configs.TICKETS["carol"]["ticket"]
    return browser.execute_async_script(_VISIT, f"wss://{HERE}/{path}", details, ticket)


def cookies(browser: Chrome) -> dict[str, list[dict[str, Any]]]:
    """What the browser keeps, of all hosts, by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cookie in browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]:
        found.setdefault(cookie["name"], []).append(cookie)
    return found


def _paths(web: Path, sockets: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    paths: dict[str, Any] = {"/": {"type": "static", "directory": str(web)}}
    for path, (cookie, auth) in sockets.items():
        folder, _, name = path.rpartition("/")
        socket = {"type": "websocket", "cookie": cookie, "auth": auth}
        if folder:
            paths.setdefault(folder, {"type": "path", "paths": {}})["paths"][name] = socket
        else:
            paths[name] = socket
    return paths

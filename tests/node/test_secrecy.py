"""The cookie's value is known to the client alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import Listener, SharedNode
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.node import Node, wait_for
from tests.support.raw import handshake

pytestmark = pytest.mark.node


def files_with(text: str, folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if text.encode() in path.read_bytes()]


def test_the_value_is_in_no_file_no_debug_log_and_no_meta_event(
    make_node: Callable[..., Node], clients: Clients, tmp_path: Path
) -> None:
    """Each worker of a node has a store of either kind; the router's own listener watches."""
    stores = [
        {"type": "file", "filename": "router.dat"},
        {"type": "lmdb", "path": ".cookies"},
        {"type": "file", "filename": "proxy.dat"},
        {"type": "lmdb", "path": ".cookies-of-proxy"},
    ]
    listeners, watching = [Listener() for _ in stores], Listener()
    transports = [
        configs.websocket(at.port, {"store": store})
        for at, store in zip(listeners, stores, strict=True)
    ]
    direct = [*transports[:2], configs.websocket(watching.port, auth=None)]
    node = make_node(configs.proxy(tmp_path, *transports[2:], direct=direct))
    node.start(watching.port, *(at.port for at in listeners), loglevel="debug")
    watcher = clients.open(watching.url)
    watcher.subscribe("wamp.session.on_join")
    secrets = [_visit(clients, watcher, at.url) for at in listeners]
    node.stop()

    for secret in secrets:
        assert files_with(id_of(secret), node.folder), "the log has the id"
        assert files_with(secret, node.folder) == []


def _visit(clients: Clients, watcher: Session, url: str) -> str:
    """Log in, come back, look at what is published about it, log out: the cookie's value."""
    before = len(watcher.events())
    first = clients.login(url)
    secret = first.cookie.partition("=")[2]
    again = clients.login(url, cookie=f"theme=dark; {first.cookie}")
    described = again.call("wamp.session.get", again.session)
    joins = wait_for(lambda: len(e := watcher.events()) >= before + 2 and e, "two join events")
    again.leave("wamp.close.logout")
    assert described["transport"]["http_cbtid"] == id_of(secret)
    assert "theme=dark" in described["transport"]["http_headers_received"]["cookie"]
    assert secret not in repr([described, joins])
    assert id_of(secret) in repr(joins)
    return secret


def test_what_we_did_not_issue_logs_nobody_in_and_is_replaced(
    shared: SharedNode, clients: Clients
) -> None:
    url = shared.url()
    first = clients.login(url)
    secret = first.cookie.partition("=")[2]
    public = id_of(secret)
    forged = [
        f"cbtid={public}",
        f"cbtid={secret}x",
        f"xcbtid={secret}",
        "cbtid=",
        "cbtid=%00%ff",
        f"cbtid={'a' * 5000}",
    ]
    for cookie in forged:
        session = clients.login(url, cookie=cookie)
        assert session.challenged, cookie
        assert session.set_cookie is not None, cookie
    for value in (secret, public):
        smuggled = clients.open(url, methods=("cookie",), headers={"Set-Cookie": f"cbtid={value}"})
        assert not smuggled.joined
        assert smuggled.set_cookie is not None


def test_cookies_are_read_as_browsers_send_them(shared: SharedNode) -> None:
    port = shared.port("open")
    value = handshake(port).cookie
    lenient = [
        f"cbtid={value}",
        f'prefs={{"a": "b, c", "d": [1]}}; cbtid={value}',
        f'q="a b\\"c"; cbtid="{value}"',
        f"  cbtid = {value} ;a=b",
        f"mycbtid=x; cbtid={value}; cbtid2=y",
        f"cbtid={value}; cbtid={value}",
        f"=; novalue; cbtid={value};;",
    ]
    for cookie in lenient:
        answer = handshake(port, f"Cookie: {cookie}")
        assert answer.status == 101
        assert answer.cookie is None, cookie
    # A value that we did not issue stands in nobody's way; two of ours do.
    assert handshake(port, f"Cookie: cbtid=other; cbtid={value}").cookie is None
    second = handshake(port).cookie
    assert handshake(port, f"Cookie: cbtid={value}; cbtid={second}").cookie is not None


def test_the_cookie_item_shapes_the_cookie(shared: SharedNode) -> None:
    header = handshake(shared.port("shaped")).header("Set-Cookie")
    assert header is not None
    pair, *attributes = header.split("; ")
    assert pair.startswith("track=")
    assert len(pair) == len("track=") + 40
    assert sorted(attributes) == ["HttpOnly", "Max-Age=600", "SameSite=Strict", "Secure"]

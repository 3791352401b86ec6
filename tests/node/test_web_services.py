"""
The proxied service and WSGI in real workers, a router worker and a proxy worker: by themselves, and
behind guards.
"""

import os
import pwd
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from pathlib import Path
from ssl import create_default_context
from typing import Any

import pytest

from cookietrack_plugin.router.personalities.standalone import Personality
from servers.patience import wait_for
from servers.ports import free_port
from servers.process import running as running_server
from servers.webproxies import TlsNginx
from tests.node.conftest import STORES
from tests.support import configs
from tests.support.certificates import write_certificate
from tests.support.client import Clients, Session
from tests.support.node import Node
from tests.support.rawhttp import END, PATIENCE_S, RawServer, connect, head_of

pytestmark = pytest.mark.node

COOKIE = {"store": STORES["lmdb"], "path": "/"}
GUARD = "cookietrack-guard"
HAS_GUARDS = GUARD in Personality.WEB_SERVICE_FACTORIES
guarded = pytest.mark.skipif(not HAS_GUARDS, reason="there are no guards")

APPLICATION = """
from pathlib import Path


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return Stream()
    if "REMOTE_USER" in environ:
        return [environ["REMOTE_USER"].encode("latin-1"), environ["HTTP_COOKIE"].encode()]
    names = sorted(name for name in environ if "REMOTE_USER" in name or "COOKIETRACK" in name)
    return [" ".join([environ["SCRIPT_NAME"], environ["PATH_INFO"], *names]).encode()]


class Stream:
    def __iter__(self):
        return self

    def __next__(self):
        return bytes(65536)

    def close(self):
        with Path("closed").open("a") as file:
            file.write("x")
"""
FORGED = "X-Cookietrack-Authid: root\r\nX_Cookietrack_Authid: root\r\n"


def guard(service: dict[str, Any], **item: Any) -> dict[str, Any]:
    return {"type": GUARD, "cookie": COOKIE, "path": service, **item}


class Services:
    """A node with both services in both kinds of workers, in every place of a configuration."""

    def __init__(self, folder: Path) -> None:
        self.upstream = RawServer()
        self.ports = {"router": free_port(), "proxy": free_port()}
        (folder / "node" / ".crossbar").mkdir(parents=True)
        self.closed = folder / "node" / ".crossbar" / "closed"
        (folder / "ourapp.py").write_text(APPLICATION)
        router, proxy = (self._transport(port) for port in self.ports.values())
        config = configs.proxy(folder, proxy, direct=[router])
        for worker in config["workers"]:
            worker["options"] = {"pythonpath": [str(folder)]}
        self.node = Node(folder / "node", config)

    def _transport(self, port: int) -> dict[str, Any]:
        wsgi = {"type": "wsgi", "module": "ourapp", "object": "app"}
        proxied = {"type": "reverseproxy", "host": "127.0.0.1", "port": self.upstream.port}
        behind = {
            "ws": {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN},
            "members": guard({"type": "path", "paths": {"/": proxied, "app": wsgi}}),
            "users": guard(proxied, headers={"authid": "X-Remote-User"}, logout="/logout"),
        }
        return {
            "type": "web",
            "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"},
            "paths": {
                "/": wsgi,
                "app": wsgi,
                "proxied": {**proxied, "path": "/base"},
                "nested": {"type": "path", "paths": {"/": proxied, "app": wsgi}},
                **(behind if HAS_GUARDS else {}),
            },
        }


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = Services(tmp_path_factory.mktemp("services"))
    try:
        services.node.start(*services.ports.values())
        for port in services.ports.values():
            wait_for(lambda port=port: all_started(port), "the services start")
        yield services
    finally:
        services.node.stop()
        services.upstream.close()


@pytest.fixture(params=["router", "proxy"])
def port(request: pytest.FixtureRequest, services: Services) -> int:
    return services.ports[request.param]


@pytest.fixture
def clients(lasting_clients: Clients) -> Clients:
    return lasting_clients


@pytest.fixture
def session(clients: Clients, port: int) -> Session:
    """Alice, who has logged in over WAMP."""
    return clients.login(f"ws://127.0.0.1:{port}/ws", "alice")


@pytest.fixture
def nginx(port: int) -> Iterator[TlsNginx]:
    """In front of the node, with TLS."""
    with running_server(TlsNginx(port, certify)) as nginx:
        yield nginx


def certify(folder: Path, owner: str | None) -> tuple[Path, Path]:
    ids = pwd.getpwnam(owner) if owner else None
    return write_certificate(
        folder, (ids.pw_uid, ids.pw_gid) if ids else (os.getuid(), os.getgid()), ["localhost"]
    )


def secure(nginx: TlsNginx) -> HTTPSConnection:
    context = create_default_context(cafile=nginx.certificate)
    return HTTPSConnection("localhost", nginx.port, timeout=PATIENCE_S, context=context)


def ask(nginx: TlsNginx, session: Session, path: str, method: str = "GET", **headers: str) -> Any:
    """A request with the session's cookie on a connection of its own; the response."""
    connection = secure(nginx)
    connection.request(method, path, headers={"Cookie": f"{session.cookie}; a=1", **headers})
    return connection.getresponse()


@pytest.fixture
def secure_session(clients: Clients, nginx: TlsNginx) -> Session:
    """Alice, who has logged in over WAMP and TLS."""
    url, methods = f"wss://localhost:{nginx.port}/ws", ("cookie", "wampcra")
    authority = str(nginx.certificate)
    return clients.open(url, None, methods, "alice", "alice-secret", authority=authority)


def all_started(port: int) -> bool:
    """Crossbar starts services one after the other; until then the application at `/` answers."""
    last = [f"/{path}" for path in ("proxied", "users") if path == "proxied" or HAS_GUARDS]
    return all(get(port, path, "TRACE").status != 200 for path in last)


def get(port: int, path: str, method: str = "GET") -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        method, path, headers={"X-Cookietrack-Authid": "root", "Remote-User": "root"}
    )
    response = connection.getresponse()
    response.text = response.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return response


def test_an_application_answers_in_every_place_and_knows_nobody(port):
    said = {path: get(port, path).text for path in ("/x/y", "/app/x", "/nested/app/x/")}
    assert said == {
        "/x/y": " /x/y HTTP_REMOTE_USER",
        "/app/x": "/app /x HTTP_REMOTE_USER",
        "/nested/app/x/": "/nested/app /x/ HTTP_REMOTE_USER",
    }


@pytest.mark.parametrize(
    ("path", "target"),
    [("/proxied/x?q=1", b"/base/x?q=1"), ("/nested/x", b"/x"), ("/nested", b"/")],
)
def test_a_proxied_request_is_framed_anew_and_from_nobody(services, port, path, target):
    chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with connect(port) as client:
        client.send(f"POST {path} HTTP/1.1\r\nHost: x\r\n{FORGED}{chunked}")
        with services.upstream.accept() as server:
            first, headers = head_of(server.until(END))
            assert server.exactly(3) == b"abc"
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.response().read() == b"ok"
    assert first == b"POST " + target + b" HTTP/1.1"
    assert ("content-length", "3") in headers
    assert not {"transfer-encoding", "x-cookietrack-authid", "x_cookietrack_authid"} & {
        name for name, _ in headers
    }


def test_a_client_that_leaves_ends_what_answers_it(services, port):
    ended = len(services.closed.read_text()) if services.closed.exists() else 0
    with connect(port) as client:
        client.send("GET /app/stream HTTP/1.1\r\nHost: x\r\n\r\n").until(END)
        client.abort()
    wait_for(
        lambda: services.closed.exists() and len(services.closed.read_text()) > ended,
        "the application is closed",
    )
    with connect(port) as client:
        client.send("GET /proxied HTTP/1.1\r\nHost: x\r\n\r\n")
        with services.upstream.accept() as server:
            server.until(END)
            server.send("HTTP/1.1 200 OK\r\n\r\nsome")
            client.until(b"some")
            client.abort()
            assert server.is_aborted()


@guarded
def test_an_application_learns_who_the_guard_has_let_in(port, session):
    with connect(port) as client:
        client.send(f"GET /members/app HTTP/1.1\r\nHost: x\r\nCookie: {session.cookie}; a=1\r\n")
        client.send(f"{FORGED}\r\n")
        assert client.response().read() == b"alicea=1"


@guarded
@pytest.mark.parametrize(("path", "users"), [("users", ["alice"]), ("proxied", [])])
def test_an_upstream_learns_it_from_the_guard_alone(services, port, session, path, users):
    """Not from the client, on any path, under the names of any guard."""
    with connect(port) as client:
        client.send(f"GET /{path} HTTP/1.1\r\nHost: x\r\n{FORGED}X_Remote-User: root\r\n")
        client.send(f"X-Remote-User: root\r\nCookie: {session.cookie}; a=1\r\n\r\n")
        with services.upstream.accept() as server:
            head = server.until(END)
            server.send("HTTP/1.1 200 OK\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok")
            response = client.response()
            assert (response.read(), response.headers["set-cookie"]) == (b"ok", "b=2")
    assert [value for name, value in head_of(head)[1] if name == "x-remote-user"] == users
    assert b"root" not in head
    assert (session.cookie.encode() in head) is not bool(users)


@guarded
def test_a_logout_cuts_what_runs_behind_a_guard_at_both_ends(services, port, session):
    request = f"HTTP/1.1\r\nHost: x\r\nCookie: {session.cookie}\r\n\r\n"
    with connect(port) as stream, connect(port) as download, connect(port) as waiting:
        stream.send(f"GET /members/app/stream {request}").until(END)
        download.send(f"GET /members {request}")
        with services.upstream.accept() as first:
            first.until(END)
            first.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
            download.until(b"some")
            waiting.send(f"GET /members {request}")
            with services.upstream.accept() as second:
                second.until(END)
                session.leave("wamp.close.logout")
                for wire in (stream, download, waiting, first, second):
                    assert wire.is_aborted()
    with connect(port) as client:
        client.send(f"GET /members {request}")
        assert client.response().status == 401


@guarded
@pytest.mark.server
def test_behind_nginx_with_tls_a_logout_closes_what_the_login_has_opened(
    services, nginx, secure_session
):
    assert ask(nginx, secure_session, "/members/app").read() == b"alicea=1"
    connection = secure(nginx)
    connection.request("GET", "/members/file", headers={"Cookie": secure_session.cookie})
    with services.upstream.accept() as server:
        assert ("x-cookietrack-authid", "alice") in head_of(server.until(END))[1]
        # nginx keeps what is short until there is more.
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", bytes(100_000))
        download = connection.getresponse()
        secure_session.leave("wamp.close.logout")
        assert server.is_aborted()
    with pytest.raises(IncompleteRead):
        download.read()
    for path in ("/members/app", "/members/file"):
        assert ask(nginx, secure_session, path).status == 401


@guarded
@pytest.mark.server
def test_behind_nginx_with_tls_a_post_of_the_same_site_logs_out(nginx, secure_session):
    """The node itself is asked over HTTP, for a host whose pages came over HTTPS."""
    own = f"https://localhost:{nginx.port}"
    for origin, status in ((f"{own}1", 403), ("https://evil.example", 403), (own, 204)):
        assert ask(nginx, secure_session, "/users/logout", "POST", Origin=origin).status == status
    assert secure_session.wait_closed()["leave_reason"] == "wamp.close.logout"


def test_a_node_stops_while_an_application_streams_to_a_client_that_does_not_read(services):
    """Comes last: Crossbar's service waits for its threads on the thread that they wait for."""
    with connect(services.ports["router"]) as client:
        client.send("GET /app/stream HTTP/1.1\r\nHost: x\r\n\r\n").until(END)
        ended = len(services.closed.read_text()) if services.closed.exists() else 0
        services.node.stop()
        assert len(services.closed.read_text()) == ended + 1

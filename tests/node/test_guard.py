"""
A guard in front of real services of a real node, on a router and on a proxy worker: one login for
WAMP and HTTP, and those who try to get through without.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from servers.ports import free_port
from tests.node.conftest import STORES
from tests.support import configs
from tests.support.client import Clients
from tests.support.http import HttpClient, RawRequest
from tests.support.late import LateServices
from tests.support.node import Node, running, wait_for

pytestmark = pytest.mark.node

COOKIE = {"store": STORES["lmdb"], "path": "/"}
WEBSOCKET = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}
SECRET, BIG = b"for alice alone", 200_000_000
HUGE = 500_000_000
CGI = "echo 'Content-Type: text/plain'; echo; env"


def guard(service: dict[str, Any], **item: Any) -> dict[str, Any]:
    return {"type": "cookietrack-guard", "cookie": COOKIE, "path": service, **item}


def static(directory: str) -> dict[str, Any]:
    return {"type": "static", "directory": f"../{directory}"}


def services() -> dict[str, Any]:
    """What stands on each of the Web transports. The files of `admin` are those of `/` too."""
    alice = {"authids": ["alice"], "realms": ["realm1"]}
    inner = {
        "/": {"type": "json", "value": {"secret": 1}},
        "cgi": {"type": "cgi", "directory": "../cgi", "processor": "/bin/sh"},
        "call": {"type": "caller", "realm": "realm1", "role": "user"},
        "top": guard(static("web/admin"), allow=alice),
        "old": {"type": "redirect", "url": "/new"},
    }
    return {
        "/": static("web"),
        "ws": WEBSOCKET,
        "admin": guard(
            static("web/admin"),
            allow={"roles": ["user"], **alice},
            denied={"redirect": "/login?next={path}"},
            logout="/logout",
        ),
        "members": guard({"type": "path", "paths": inner}),
        "rolling": guard(
            static("web/admin"), cookie={**COOKIE, "rolling": True}, cors=["https://app.example"]
        ),
    }


class Place:
    """A node with these services, on a router worker and on a proxy worker."""

    def __init__(self, folder: Path) -> None:
        self.late = LateServices()
        self.ports = {"router": self.late.web, "proxy": free_port()}
        endpoint = {"type": "tcp", "port": self.ports["proxy"], "interface": "127.0.0.1"}
        web = {"type": "web", "endpoint": endpoint, "paths": services()}
        self.universal = free_port()
        several = {
            "type": "universal",
            "endpoint": {"type": "tcp", "port": self.universal, "interface": "127.0.0.1"},
            "websocket": {"ws": WEBSOCKET},
            "web": {"paths": {"admin": guard(static("web/admin"))}},
        }
        config = self.late.config(configs.backend(folder), several, **services())
        config["workers"].append(configs.proxy_worker(folder, web))
        self.node = Node(folder, config)
        self._write_files(folder)

    def _write_files(self, folder: Path) -> None:
        admin, cgi = folder / "web" / "admin", folder / "cgi"
        admin.mkdir(parents=True)
        cgi.mkdir()
        (folder / "web" / "index.html").write_text("for everybody")
        (admin / "index.html").write_bytes(SECRET)
        with (admin / "big.bin").open("wb") as big:
            big.truncate(BIG)
        (cgi / "env").write_text(CGI)

    def all_ports(self) -> list[int]:
        return [*self.late.ports, *self.ports.values(), self.universal]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("guard"))
    with running(place.node, *place.all_ports()):
        for port in place.ports.values():
            ready = HttpClient(port)
            wait_for(lambda ready=ready: ready.ask("/rolling/").status == 401, "the last guard")
        yield place


@pytest.fixture(params=["router", "proxy"])
def port(request: pytest.FixtureRequest, place: Place) -> int:
    return place.ports[request.param]


@pytest.fixture
def login(clients: Clients, port: int) -> Any:
    """A function from a user to a session on a WebSocket of this transport."""
    return lambda user="alice": clients.login(f"ws://127.0.0.1:{port}/ws", user)


def test_one_login_lets_in_to_both(port: int, login: Any) -> None:
    client = HttpClient(port, login().cookie)
    reply = client.ask("/admin/")
    assert (reply.status, reply.body) == (200, SECRET)
    assert reply.headers["cache-control"] == "private, no-cache"
    assert reply.headers["vary"] == "Cookie"
    assert "expires" not in reply.headers
    assert not [name for name in reply.headers if name.startswith("access-control")]

    assert client.ask("/admin/", "HEAD").headers["content-length"] == str(len(SECRET))
    part = client.ask("/admin/index.html", Range="bytes=4-8")
    assert (part.status, part.body) == (206, SECRET[4:9])
    again = client.ask("/admin/index.html", If_Modified_Since=reply.headers["last-modified"])
    assert (again.status, again.headers["cache-control"]) == (304, "private, no-cache")
    # Crossbar's own redirect of a directory knows the path as without a guard.
    assert client.ask("/admin").headers["location"].endswith("/admin/")
    assert client.ask("/rolling/").headers["set-cookie"].startswith(login_cookie(client))
    other = client.ask("/rolling/", Origin="https://app.example")
    assert other.headers["access-control-allow-origin"] == "https://app.example"


def login_cookie(client: HttpClient) -> str:
    return f"{client._own['Cookie']}; Max-Age="


def test_without_one_nothing_opens(port: int, login: Any) -> None:
    anybody = HttpClient(port)
    reply = anybody.ask("/admin/")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Cookie realm="cookietrack"')
    page = anybody.ask("/admin/a?b=c", Accept="text/html")
    assert (page.status, page.headers["location"]) == (303, "/login?next=%2Fadmin%2Fa%3Fb%3Dc")
    assert HttpClient(port, "cbtid=made-up").ask("/admin/").status == 401
    assert HttpClient(port, login().cookie.replace("cbtid", "other")).ask("/admin/").status == 401
    # Whoever only has a cookie, and did not log in with it.
    assert anybody.ask("/").body == b"for everybody"
    assert HttpClient(port, login("bob").cookie).ask("/admin/").status == 403


def test_services_behind_a_guard(port: int, login: Any) -> None:
    client = HttpClient(port, login("bob").cookie)
    assert client.ask("/members").body == b'{"secret":1}'
    assert client.ask("/members/old").headers["location"] == "/new"
    assert client.ask("/members/top/").status == 403
    assert HttpClient(port, login().cookie).ask("/members/top/").body == SECRET
    call = b'{"procedure": "wamp.session.count", "args": []}'
    json = {"Content_Type": "application/json"}
    assert client.post("/members/call", call, **json).status in (200, 400)
    assert client.ask("/members/call", "POST", call, **json).status == 403
    for path in ("", "old", "cgi/env", "top/", "call"):
        assert HttpClient(port).ask(f"/members/{path}").status == 401


def test_identity_headers_cannot_be_forged_and_the_cookie_does_not_pass(
    port: int, login: Any
) -> None:
    cookie = login("bob").cookie
    forged = [
        f"{name}: alice"
        for name in (
            "X-Cookietrack-Authid",
            "x_cookietrack_authid",
            "X-COOKIETRACK_AUTHID",
            "X.Cookietrack.Authid",
            "X-Cookietrack-Authrole",
        )
    ]
    split = ["Cookie: a=1", f"Cookie: {cookie}", "Connection: close, X-Cookietrack-Authid"]
    lines = ["GET /members/cgi/env HTTP/1.1", *forged, *split]
    with RawRequest(port, *lines) as request:
        request.read_until(b"\r\n0\r\n")
        found = request.received.decode()
    assert "HTTP_X_COOKIETRACK_AUTHID=bob" in found
    assert "HTTP_X_COOKIETRACK_AUTHREALM=realm1" in found
    assert "alice" not in found
    assert cookie.partition("=")[2] not in found
    with RawRequest(
        port, "GET /members/cgi/env HTTP/1.1", "X-Cookietrack-Authid : x", *split
    ) as raw:
        assert raw.status() == 400


@pytest.mark.parametrize(
    "target",
    [
        "//admin/",
        "/./admin/",
        "/%2e/admin/",
        "/%2E%2e/web/admin/",
        "/x/../admin/",
        "/..;/admin/",
        "/x/..;/admin/",
        "/admin%2findex.html",
        "/admin./",
        "/admin%00/",
        "/%252e/admin/",
        "/.%5cadmin/",
        "http://127.0.0.1/admin/",
        "http:///admin/",
        "admin/",
        "/admin/index.html;x",
        "/ADMIN/",
        "*",
    ],
)
def test_no_path_leads_around_a_guard(port: int, target: str) -> None:
    with RawRequest(port, f"GET {target} HTTP/1.1", "Connection: close") as request:
        request.read_until(b"\x00 never")
        assert SECRET not in request.received
        assert int(request.received.split()[1]) in (400, 401, 404, 405)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "PROPFIND", "POST", "DELETE"])
def test_no_method_leads_around_a_guard(port: int, login: Any, method: str) -> None:
    cookie = login().cookie
    line = f"{method} /admin/ HTTP/1.1"
    for headers in ([], [f"Cookie: {cookie}", "Origin: http://evil.example"]):
        with RawRequest(port, line, "Connection: close", *headers) as request:
            request.read_until(b"\x00 never")
            assert SECRET not in request.received
            assert int(request.received.split()[1]) in (401, 403, 405)


@pytest.mark.parametrize("length", [f"Content-Length: {HUGE}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("headers", [[], ["Cookie: cbtid=made-up"], ["Expect: 100-continue"]])
def test_the_body_of_a_stranger_is_refused_before_it_came(
    port: int, length: str, headers: list[str]
) -> None:
    with RawRequest(port, "POST /admin/ HTTP/1.1", length, *headers) as request:
        # With a cookie it is another site's page, as far as anybody knows.
        assert request.status() == (403 if "Cookie: cbtid=made-up" in headers else 401)
        assert request.read_all() < 1000


def test_requests_in_one_another_are_told_apart(port: int, login: Any) -> None:
    cookie = f"Cookie: {login().cookie}"
    smuggled = b"GET /admin/ HTTP/1.1\r\nHost: x\r\n\r\n"
    both = ["Content-Length: 4", "Transfer-Encoding: chunked"]
    with RawRequest(port, "POST /admin/ HTTP/1.1", cookie, *both, body=smuggled) as request:
        assert request.status() == 400
    with RawRequest(port) as request:
        for own in ([cookie], [], [cookie], ["Connection: close"]):
            request.send("GET /admin/ HTTP/1.1", *own)
        request.read_until(b"\x00 never")
    statuses = [int(part[:3]) for part in request.received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 401, 200, 401]


def test_an_end_cuts_what_is_running(port: int, login: Any) -> None:
    session = login()
    with ExitStack() as stack:
        lines = [f"Cookie: {session.cookie}"]
        running_ones = [
            stack.enter_context(RawRequest(port, "GET /admin/big.bin HTTP/1.1", *lines)),
            stack.enter_context(
                RawRequest(
                    port,
                    "POST /admin/ HTTP/1.1",
                    *lines,
                    "Sec-Fetch-Site: same-origin",
                    f"Content-Length: {HUGE}",
                    "Expect: 100-continue",
                )
            ),
        ]
        for request in running_ones:
            request.read_until(b"\r\n\r\n")
        assert b" 200 " in running_ones[0].received
        assert b" 100 " in running_ones[1].received
        assert session.leave("wamp.close.logout")
        for request in running_ones:
            assert request.read_all() < BIG
    assert HttpClient(port, session.cookie).ask("/admin/").status == 401


def test_a_logout_over_http_is_one_over_wamp(port: int, login: Any, clients: Clients) -> None:
    session = login()
    client = HttpClient(port, session.cookie)
    assert client.ask("/admin/logout").status == 405
    assert client.ask("/admin/logout", "POST").status == 403
    assert client.post("/admin/logout").status == 204
    assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
    assert client.ask("/admin/").status == 401
    assert clients.login(f"ws://127.0.0.1:{port}/ws", cookie=session.cookie).challenged


def test_a_guard_that_is_started_at_run_time(place: Place, clients: Clients) -> None:
    late, port = place.late, place.ports["router"]
    session = clients.login(f"ws://127.0.0.1:{port}/ws")
    assert not late.start(clients, "late", guard(WEBSOCKET)).joined
    assert not late.start(clients, "late", guard(static("web/admin"), csrf="no")).joined
    assert not late.start(clients, "late", guard({"type": "static"})).joined
    assert late.start(clients, "late", guard(static("web/admin"))).joined
    assert HttpClient(port).ask("/late/").status == 401
    assert HttpClient(port, session.cookie).ask("/late/").body == SECRET


def test_a_guard_in_a_universal_transport(place: Place, clients: Clients) -> None:
    session = clients.login(f"ws://127.0.0.1:{place.universal}/ws")
    client = HttpClient(place.universal, session.cookie)
    wait_for(lambda: client.ask("/admin/").status == 200, "the guard")
    with RawRequest(place.universal, "POST /admin/ HTTP/1.1", f"Content-Length: {HUGE}") as request:
        assert request.status() == 401
        assert request.read_all() < 1000
    with RawRequest(
        place.universal, "GET /admin/big.bin HTTP/1.1", f"Cookie: {session.cookie}"
    ) as request:
        request.read_until(b"\r\n\r\n")
        session.leave("wamp.close.logout")
        assert request.read_all() < BIG


def test_no_value_is_in_the_log_and_check_says_what_is_odd(place: Place, login: Any) -> None:
    value = login().cookie.partition("=")[2]
    HttpClient(place.ports["router"], f"cbtid={value}").ask("/admin/")
    output = place.node.output()
    assert value not in output
    assert "Unhandled" not in output
    for worker in ("worker001", "worker002"):
        assert "are not guarded at" in output
        assert f"{worker}/" in output
    assert 'calls of the caller run with its own role "user" in realm "realm1"' in output

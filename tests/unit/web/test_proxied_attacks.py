"""The proxied service against clients and upstreams that mean harm."""

import pytest

from tests.support.rawhttp import END, head_of
from tests.unit.web.conftest import Identity

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = "GET /app HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = "GET /admin HTTP/1.1\r\nHost: x\r\nX-Cookietrack-Authid: root\r\n\r\n"
FORGED = (
    "X-Cookietrack-Authid",
    "x-cookietrack-authrole",
    "X_Cookietrack_Authid",
    "X-Cookietrack_Authrealm",
    "X.Cookietrack.Id",
    "X~COOKIETRACK~AUTHID",
)


@pytest.fixture
def site(proxy):
    return proxy()


def values(headers, name):
    return [value for key, value in headers if key == name]


def test_a_request_in_a_chunked_body_stays_a_body(site, upstream):
    """What Crossbar's service hands on decoded, and as chunked."""
    body = f"0\r\n\r\n{SMUGGLED}"
    chunked = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    with site.connect() as client:
        client.send("POST /app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunked)
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            assert server.exactly(len(body)) == body.encode()
            server.send(OK)
            assert client.response().read() == b"ok"
            assert server.everything() == b""
    assert values(headers, "transfer-encoding") == []
    assert values(headers, "content-length") == [str(len(body))]
    assert upstream.has_no_connection()


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 50\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\tchunked\r\nTransfer-Encoding: cow\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
    ],
)
def test_framing_that_two_servers_may_read_differently_does_not_go_on(site, upstream, framing):
    """Either nothing reaches the upstream, or one request without it."""
    with site.connect() as client:
        client.send(f"POST /app HTTP/1.1\r\nHost: x\r\n{framing}\r\n0\r\n\r\n{SMUGGLED}")
        client.end()
        if upstream.has_connection(lambda: client.ends()):
            with upstream.accept() as server:
                first, headers = head_of(server.until(END))
                assert first == b"POST / HTTP/1.1"
                assert values(headers, "transfer-encoding") == []
                [length] = values(headers, "content-length")
                server.exactly(int(length))
                server.send(OK)
                assert server.everything() == b""


@pytest.mark.parametrize("path", ["/app", "/guarded"])
@pytest.mark.parametrize("name", FORGED)
def test_a_client_cannot_say_who_it_is(site, upstream, path, name):
    with site.connect() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{name}: root\r\n{name}: root\r\n\r\n")
        with upstream.accept() as server:
            head = server.until(END)
            server.send(OK)
    assert b"root" not in head


def test_who_a_guard_lets_in_is_said_to_the_upstream(proxy, upstream):
    names = {"authid": "X-Remote-User", "authrealm": "X-Realm"}
    site = proxy(Identity(authid="Zoë", names=names))
    with site.connect() as client:
        client.send("GET /guarded HTTP/1.1\r\nHost: x\r\nX_Remote_User: root\r\nX.Realm: r\r\n\r\n")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            server.send(OK)
    assert values(headers, "x-remote-user") == ["Zoë".encode().decode("latin-1")]
    assert values(headers, "x-realm") == ["realm1"]
    assert not {"x_remote_user", "x.realm", "x-cookietrack-authid"} & {name for name, _ in headers}


def test_a_connection_header_takes_no_identity_away(site, upstream):
    connection = "Connection: close, X-Cookietrack-Authid, X-Forwarded-For, Cookie\r\n"
    with site.connect() as client:
        client.send(f"GET /guarded HTTP/1.1\r\nHost: x\r\n{connection}\r\n")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            server.send(OK)
    assert values(headers, "x-cookietrack-authid") == ["alice"]
    assert values(headers, "x-forwarded-for") == ["127.0.0.1"]


def test_an_identity_ends_no_header(proxy, upstream):
    site = proxy(Identity(authid="eve\r\nX-Cookietrack-Authrole: root", authrole="a\x00b\x85 "))
    with site.connect() as client:
        client.send("GET /guarded HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            server.send(OK)
    mark = "\N{REPLACEMENT CHARACTER}".encode().decode("latin-1")
    assert values(headers, "x-cookietrack-authid") == [f"eve{mark * 2}X-Cookietrack-Authrole: root"]
    assert values(headers, "x-cookietrack-authrole") == [f"a{mark}b{mark * 2}"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/app", ["a=1; cbtid=secret; b=2; cbtid=other"]), ("/guarded", ["a=1; b=2"])],
)
def test_a_tracked_cookie_stays_at_the_guard_and_others_go_on_in_one_header(
    site, upstream, path, expected
):
    cookies = "Cookie: a=1; cbtid=secret\r\nCookie: b=2\r\ncookie: cbtid=other\r\n"
    with site.connect() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{cookies}\r\n")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            server.send(OK)
    assert values(headers, "cookie") == expected


@pytest.mark.parametrize(
    "target",
    [
        "/app/../admin",
        "/app/%2e%2E/admin",
        "/app/.%2e;a=b/admin",
        "/app/..;/admin",
        "/app/x%2f..%2f..%2fadmin",
        "/app/x%5c..%5cadmin",
        "/app/./x",
    ],
)
def test_no_path_leads_out_of_what_is_proxied(site, upstream, target):
    with site.connect() as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status == 400
    assert upstream.has_no_connection()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("TRACE /app HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("CONNECT /app HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (f"{GET}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 501),
        ("GET /app HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ('GET /app HTTP/1.1\r\nHost: x";a="b\r\n\r\n', 400),
        ("GET /app HTTP/1.1\r\nHost: x/y@z\r\n\r\n", 400),
        (f"{GET}X: a\x0bb\r\n\r\n", 400),
        (f"{GET}X: a\x00b\r\n\r\n", 400),
    ],
)
def test_what_must_not_go_on_is_refused(site, upstream, request_, status):
    with site.connect() as client:
        client.send(request_)
        assert client.response().status == status
    assert upstream.has_no_connection()


@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX y: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/9.9 200\n",
        "\x16\x03\x01",
        "HTTP/1.1 200 OK\r\nX: " + 70_000 * "a",
        "",
    ],
)
def test_what_is_no_response_is_502(site, upstream, answer):
    with site.connect() as client:
        client.send(f"{GET}\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(answer).end()
            response = client.response()
    assert response.status == 502
    assert "set-cookie" not in response.headers

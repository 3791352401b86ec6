"""The proxied service: what goes on to the upstream, and what comes back."""

import pytest

from tests.support.rawhttp import END, head_of

CHUNKED = "2\r\nab\r\n1;ext=1\r\nc\r\n0\r\nX-Trailer: 1\r\n\r\n"
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def site(proxy):
    return proxy()


def exchange(site, upstream, request, answer=OK, method="GET"):
    """The head that the upstream gets, and the response that the client gets."""
    with site.connect() as client:
        client.send(request)
        with upstream.accept() as server:
            head = server.until(END)
            server.send(answer)
            response = client.response(method)
            response.body = response.read()
            return head_of(head), response


def values(headers, name):
    return [value for key, value in headers if key == name]


def test_a_request_goes_on_with_its_path_query_and_headers(site, upstream):
    request = "GET /app/a%2Fb/?q=1&q=%20 HTTP/1.1\r\nHost: x\r\n"
    request += "A: 1\r\nB: 3\r\nA: 2\r\nProxy: evil\r\n\r\n"
    (first, headers), response = exchange(site, upstream, request)
    assert first == b"GET /a%2Fb/?q=1&q=%20 HTTP/1.1"
    assert (values(headers, "a"), values(headers, "b")) == (["1", "2"], ["3"])
    assert values(headers, "host") == [f"127.0.0.1:{upstream.port}"]
    assert values(headers, "proxy") == []
    assert values(headers, "connection") == ["close"]
    assert (response.status, response.body) == (200, b"ok")


def test_a_configured_path_stands_before_the_rest(proxy, upstream):
    site = proxy(path="/base/")
    for asked, sent in {"/app": b"/base", "/app/": b"/base/", "/app/x": b"/base/x"}.items():
        (first, _), _ = exchange(site, upstream, f"GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first == b"GET " + sent + b" HTTP/1.1"


def test_a_response_comes_with_its_status_and_headers_repeated_ones_in_order(site, upstream):
    answer = (
        "HTTP/1.1 418 Tea only\r\nServer: pot\r\nWWW-Authenticate: A\r\nX: 1\r\n"
        "WWW-Authenticate: B\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    )
    _, response = exchange(site, upstream, "GET /app HTTP/1.1\r\nHost: x\r\n\r\n", answer)
    assert (response.status, response.reason) == (418, "Tea only")
    assert response.headers.get_all("www-authenticate") == ["A", "B"]
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert response.headers.get_all("server") == ["pot"]
    assert response.headers.get_all("content-type") is None


def test_headers_of_a_connection_stay_with_it_both_ways(site, upstream):
    request = (
        "GET /app HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, x-Mine\r\nX-Mine: 1\r\n"
        "X_Mine: 2\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: a\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nStays: 1\r\n\r\n"
    )
    answer = (
        "HTTP/1.1 200 OK\r\nConnection: X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: 5\r\nTrailer: X\r\n"
        "Upgrade: h2c\r\nProxy-Authenticate: x\r\nStays: 1\r\nContent-Length: 0\r\n\r\n"
    )
    (_, headers), response = exchange(site, upstream, request, answer)
    gone = {
        "x-mine",
        "x_mine",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "x-theirs",
    }
    assert gone & {name for name, _ in headers} == set()
    assert gone & {name.lower() for name in response.headers} == set()
    assert values(headers, "stays") == response.headers.get_all("stays") == ["1"]


def test_the_connection_of_the_client_is_kept(site, upstream):
    with site.connect() as client:
        for _ in range(2):
            client.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
            with upstream.accept() as server:
                server.until(END)
                server.send(OK)
            assert client.response().read() == b"ok"


def test_what_an_upstream_sends_behind_a_response_is_nobodys_response(site, upstream):
    with site.connect() as client:
        client.send("HEAD /app HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(OK, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            assert client.response("HEAD").status == 200
        client.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(OK)
        assert client.response().read() == b"ok"


def test_the_length_of_a_body_is_stated_anew(site, upstream):
    for framing, body in {
        "Content-Length: 3": "abc",
        "Transfer-Encoding: chunked": CHUNKED,
    }.items():
        with site.connect() as client:
            client.send(f"POST /app HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{body}")
            with upstream.accept() as server:
                _, headers = head_of(server.until(END))
                assert server.exactly(3) == b"abc"
                server.send(OK)
                assert client.response().read() == b"ok"
                assert server.everything() == b""
        assert values(headers, "content-length") == ["3"]
        assert values(headers, "transfer-encoding") == values(headers, "x-trailer") == []


@pytest.mark.parametrize(
    ("request_line", "framing", "length"),
    [
        ("GET", "", []),
        ("DELETE", "", []),
        ("DELETE", "Content-Length: 0\r\n", ["0"]),
        ("POST", "", ["0"]),
        ("PUT", "", ["0"]),
    ],
)
def test_a_request_without_a_body_has_a_length_where_one_is_expected(
    site, upstream, request_line, framing, length
):
    request = f"{request_line} /app HTTP/1.1\r\nHost: x\r\n{framing}\r\n"
    (_, headers), _ = exchange(site, upstream, request)
    assert values(headers, "content-length") == length
    assert values(headers, "transfer-encoding") == []


def test_a_client_that_waits_to_continue_is_asked_to_and_the_upstream_is_not(site, upstream):
    with site.connect() as client:
        client.send(
            "PUT /app HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert client.until(END) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send("ab")
        with upstream.accept() as server:
            _, headers = head_of(server.until(END))
            server.exactly(2)
            server.send(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK
            )
            assert client.response().read() == b"ok"
    assert values(headers, "expect") == []


@pytest.mark.parametrize(
    ("method", "answer", "length"),
    [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "5000"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\nabcde", "5"),
    ],
)
def test_a_response_without_a_body_ends_with_its_head(site, upstream, method, answer, length):
    with site.connect() as client:
        client.send(f"{method} /app HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(answer)
            response = client.response(method)
        assert response.headers.get("content-length") == length
        assert response.headers.get("transfer-encoding") is None
        assert response.read() == b""
        client.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(OK)
        assert client.response().read() == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        f"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        "HTTP/1.0 200 OK\r\n\r\nabc",
        "HTTP/1.1 200\r\n\r\nabc",
    ],
)
def test_a_body_comes_whole_however_it_was_framed(site, upstream, answer):
    with site.connect() as client:
        client.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
        with upstream.accept() as server:
            server.until(END)
            server.send(answer)
        response = client.response()
        assert response.read() == b"abc"
        assert response.headers.get("x-trailer") is None
        assert response.headers.get("content-type") is None
        assert response.headers.get("content-length") is None


def test_an_old_client_gets_a_response_that_ends_with_its_connection(site, upstream):
    with site.connect() as client:
        client.send("GET /app HTTP/1.0\r\n\r\n")
        with upstream.accept() as server:
            first, headers = head_of(server.until(END))
            server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            assert client.everything().endswith(END + b"ok")
    assert first == b"GET / HTTP/1.1"
    assert values(headers, "x-forwarded-host") == []


def test_an_upstream_learns_whose_connection_it_is_and_not_what_a_client_says_of_it(
    proxy, upstream
):
    site = proxy(forwarded_port=8443, forwarded_proto="https")
    lies = (
        "X-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"
        "X-Real-Ip: 1.1.1.1\r\nX.Real.IP: 1.1.1.1\r\nX-Forwarded-Server: 1.1.1.1\r\n"
        "X-Forwarded-Proto: 1.1.1.1\r\n"
    )
    request = f"GET /app HTTP/1.1\r\nHost: shop.test:8443\r\n{lies}\r\n"
    (_, headers), _ = exchange(site, upstream, request)
    assert "1.1.1.1" not in str(headers)
    told = {name: value for name, value in headers if "for" in name or "real" in name}
    assert told == {
        "x-forwarded-for": "127.0.0.1",
        "x-real-ip": "127.0.0.1",
        "x-forwarded-host": "shop.test:8443",
        "x-forwarded-port": "8443",
        "x-forwarded-proto": "https",
        "forwarded": 'for=127.0.0.1;host="shop.test:8443";proto=https',
    }


def test_the_defaults_are_those_of_crossbars_service(site, upstream):
    (_, headers), _ = exchange(site, upstream, "GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
    assert values(headers, "x-forwarded-port") == ["80"]
    assert values(headers, "x-forwarded-proto") == ["http"]


def test_an_upstream_that_is_away_is_502_and_one_line_of_the_log(site, upstream, log):
    upstream.close()
    for _ in range(3):
        with site.connect() as client:
            client.send("GET /app HTTP/1.1\r\nHost: x\r\nAuthorization: secret\r\n\r\n")
            response = client.response()
            assert (response.status, response.read()) == (502, b"502 Bad Gateway\n")
    assert len([line for line in log.at("warn") if "fails: no connection" in line]) == 1


def test_an_upstream_that_answers_again_is_said_to(site, upstream, log):
    for answer in ("nonsense\r\n\r\n", OK, OK):
        exchange(site, upstream, "GET /app HTTP/1.1\r\nHost: x\r\n\r\n", answer)
    said = [line for line in log.at("warn", "info") if "the proxied service" in line]
    assert ["fails: the response is no HTTP" in line for line in said] == [True, False]
    assert "answers again" in said[1]


def test_no_header_is_logged(site, upstream, log):
    request = "GET /app/x?q=key HTTP/1.1\r\nHost: x\r\nAuthorization: key\r\nCookie: a=key\r\n\r\n"
    for answer in (OK, "HTTP/1.1 200 OK\r\nSet-Cookie: key\r\nBroken key\r\n\r\n"):
        exchange(site, upstream, request, answer)
    assert "fails: the response is no HTTP" in log.text()
    assert "key" not in log.text()


@pytest.mark.parametrize(
    ("host", "authority"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")]
)
def test_an_upstream_has_an_address_or_a_name(proxy, upstream, host, authority):
    request = "GET /app HTTP/1.1\r\nHost: x\r\n\r\n"
    (_, headers), response = exchange(proxy(host=host), upstream, request)
    assert values(headers, "host") == [f"{authority}:{upstream.port}"]
    assert response.body == b"ok"

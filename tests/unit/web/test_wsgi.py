"""WSGI applications on threads of the service, over real connections."""

import sys
from io import BytesIO
from threading import Event, current_thread
from types import SimpleNamespace

import pytest
from autobahn.wamp.exception import ApplicationError
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from cookietrack_plugin.router.web import threads as threads_module
from cookietrack_plugin.router.web import wsgi
from cookietrack_plugin.router.web.threads import ApplicationThreads
from cookietrack_plugin.router.web.window import ClientWindow
from cookietrack_plugin.router.web.wsgi import ApplicationResource, WsgiService
from cookietrack_plugin.router.web.wsgirequest import WsgiRequest
from tests.support.rawhttp import END
from tests.unit.web.applications import Application, Blocks, answering
from tests.unit.web.conftest import Identity

GET = "GET /app HTTP/1.1\r\nHost: x\r\n\r\n"
BLOCK = bytes(65_536)
PATIENCE_S = 20


class NoTriggers:
    """The reactor, whose end is another test's."""

    def __init__(self, live):
        self._live = live
        self.triggers = []

    def __getattr__(self, name):
        return getattr(self._live, name)

    def addSystemEventTrigger(self, phase, event, call):
        assert (phase, event) == ("before", "shutdown")
        self.triggers.append(call)


@pytest.fixture
def reactor(live):
    return NoTriggers(live)


@pytest.fixture
def make_threads(live, reactor):
    """A function that makes the threads of a service."""

    def make(most=2):
        return ApplicationThreads(reactor, 0, most)

    yield make
    for stop in reactor.triggers:
        live.ask(stop)


@pytest.fixture
def serve(live, reactor, listen, make_threads):
    """A function that serves an application."""

    def make(application, identity=None, most=2):
        resource = ApplicationResource(reactor, make_threads(most), application)
        return listen(resource, identity)

    return make


def fetch(site, request=GET, method="GET"):
    with site.connect() as client:
        client.send(request)
        response = client.response(method)
        response.body = response.read()
        return response


def test_an_application_gets_the_request_and_gives_the_response(serve):
    application = answering([b"o", b"", b"k"], "201 Made", [("X", "1"), ("X", "2")])
    response = fetch(
        serve(application),
        "POST /app/a%20b/?q=1 HTTP/1.1\r\nHost: x:80\r\nContent-Type: t/x\r\n"
        "Content-Length: 3\r\nX-A: 1\r\nX-A: 2\r\n\r\nabc",
    )
    assert (response.status, response.reason, response.body) == (201, "Made", b"ok")
    assert response.headers.get_all("x") == ["1", "2"]
    environ = application.environ
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/a b/",
        "QUERY_STRING": "q=1",
        "CONTENT_TYPE": "t/x",
        "CONTENT_LENGTH": "3",
        "HTTP_X_A": "1,2",
        "HTTP_HOST": "x:80",
        "SERVER_NAME": "x",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.multithread": True,
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in expected} == expected
    assert "REMOTE_USER" not in environ


def test_an_application_reads_a_body_however_it_was_framed(serve):
    def answer(environ, start_response):
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), environ["CONTENT_LENGTH"].encode()]

    site = serve(Application(answer))
    chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
    assert fetch(site, f"POST /app HTTP/1.1\r\nHost: x\r\n{chunked}").body == b"abcde5"
    assert fetch(site).body == b"0"


def test_an_application_learns_who_the_guard_has_let_in_and_from_nobody_else(serve):
    application = answering()
    site = serve(application, Identity(authid="Zoë\r\nX: 1", authrole="staff "))
    forged = (
        "X-Cookietrack-Authid: root\r\nX_Cookietrack_Authid: root\r\nx-cookietrack_id: root\r\n"
        "X.Cookietrack.Authrole: root\r\nREMOTE_USER: root\r\nRemote-User: visitor\r\n"
        "X-Ok: 1\r\nX_Ok: root\r\nProxy: root\r\n"
    )
    for path in ("app", "guarded"):
        fetch(site, f"GET /{path} HTTP/1.1\r\nHost: x\r\n{forged}\r\n")
        assert "root" not in str(application.environ)
        assert application.environ["HTTP_X_OK"] == "1"
        said = {
            key: value.encode("latin-1").decode()
            for key, value in application.environ.items()
            if "COOKIETRACK" in key or key == "REMOTE_USER"
        }
        if path == "app":
            assert said == {}
            continue
        mark = "\N{REPLACEMENT CHARACTER}"
        assert said == {
            "REMOTE_USER": f"Zoë{mark * 2}X: 1",
            "HTTP_X_COOKIETRACK_AUTHID": f"Zoë{mark * 2}X: 1",
            "HTTP_X_COOKIETRACK_AUTHROLE": f"staff{mark}",
            "HTTP_X_COOKIETRACK_AUTHREALM": "realm1",
            "HTTP_X_COOKIETRACK_ID": "cookie-id",
        }


def test_the_headers_of_an_identity_can_have_other_names(serve):
    application = answering()
    site = serve(application, Identity(names={"authid": "X-Remote-User"}))
    fetch(site, "GET /guarded HTTP/1.1\r\nHost: x\r\nX-Remote-User: root\r\n\r\n")
    assert application.environ["HTTP_X_REMOTE_USER"] == "alice"


@pytest.mark.parametrize(
    ("path", "expected"), [("app", "a=1; cbtid=secret; b=2"), ("guarded", "a=1; b=2")]
)
def test_a_tracked_cookie_stays_at_the_guard(serve, path, expected):
    application = answering()
    cookies = "Cookie: a=1; cbtid=secret\r\nCookie: b=2\r\n"
    fetch(serve(application), f"GET /{path} HTTP/1.1\r\nHost: x\r\n{cookies}\r\n")
    assert application.environ["HTTP_COOKIE"] == expected


@pytest.mark.parametrize("hosts", ["Host: x\r\nHost: y\r\n", "Host: x/y\r\n"])
def test_a_request_without_one_host_reaches_no_application(serve, hosts):
    application = answering()
    assert fetch(serve(application), f"GET /app HTTP/1.1\r\n{hosts}\r\n").status == 400
    assert application.calls == 0


def test_what_an_application_can_be_told_by_headers_is_bounded(serve):
    application = answering()
    site = serve(application)
    for many in ("X: " + 20_000 * "a" + "\r\n", "".join(f"X{i}: 1\r\n" for i in range(600))):
        with site.connect() as client:
            client.send(f"GET /app HTTP/1.1\r\nHost: x\r\n{many}\r\n")
            assert client.ends()
    assert application.calls == 0


def test_a_client_that_leaves_ends_the_application_at_its_next_block(serve):
    is_asked, may_go_on = Event(), Event()

    def blocks():
        yield b"first"
        is_asked.set()
        may_go_on.wait(PATIENCE_S)
        yield from iter(lambda: b"more", None)

    body = Blocks(blocks())
    site = serve(answering(body))
    with site.connect() as client:
        client.send(GET)
        client.until(b"first")
        assert is_asked.wait(PATIENCE_S)
        client.abort()
    assert site.before.gone.wait(PATIENCE_S)
    assert not body.closed.is_set()
    may_go_on.set()
    assert body.closed.wait(PATIENCE_S)
    assert body.taken == 2


def test_a_client_that_does_not_read_makes_the_application_wait_and_leaving_ends_it(serve):
    body = Blocks(iter(lambda: BLOCK, None))
    site = serve(answering(body))
    with site.connect() as client:
        client.send(GET)
        client.until(END)
        taken = -1
        while taken != body.taken:
            taken = body.taken
            assert not body.closed.wait(0.3)
        assert taken * len(BLOCK) < 15_000_000
        client.exactly(20_000_000)
        assert not body.closed.is_set()
        client.abort()
    assert body.closed.wait(PATIENCE_S)


def test_an_application_that_writes_itself_waits_too_and_learns_that_its_client_has_gone(serve):
    errors, over = [], Event()

    def answer(environ, start_response):
        write = start_response("200 OK", [])
        try:
            while True:
                write(BLOCK)
        except ConnectionError as error:
            errors.append(error)
        over.set()
        return []

    with serve(Application(answer)).connect() as client:
        client.send(GET)
        client.until(END)
        assert not over.wait(0.3)
        client.abort()
    assert over.wait(PATIENCE_S)
    assert str(errors[0]) == "the client has gone"


def test_a_request_whose_client_left_before_its_turn_is_not_begun(serve):
    may_go_on, began = Event(), Event()

    def answer(environ, start_response):
        start_response("200 OK", [])
        began.set()
        may_go_on.wait(PATIENCE_S)
        return [b"ok"]

    application = Application(answer)
    site = serve(application, most=1)
    with site.connect() as client:
        client.send(GET)
        assert began.wait(PATIENCE_S)
        assert site.before.received.acquire(timeout=PATIENCE_S)
        with site.connect() as second:
            second.send(GET)
            assert site.before.received.acquire(timeout=PATIENCE_S)
            second.abort()
        assert site.before.gone.wait(PATIENCE_S)
        may_go_on.set()
        assert client.response().read() == b"ok"
    assert fetch(site).body == b"ok"
    assert application.calls == 2


def test_with_too_many_waiting_requests_the_next_is_told_to_come_again(serve, monkeypatch):
    monkeypatch.setattr(wsgi, "MOST_WAITING", 1)
    may_go_on = Event()

    def answer(environ, start_response):
        may_go_on.wait(PATIENCE_S)
        start_response("200 OK", [])
        return [b"ok"]

    site = serve(Application(answer), most=1)
    with site.connect() as first, site.connect() as second:
        first.send(GET)
        assert site.before.received.acquire(timeout=PATIENCE_S)
        second.send(GET)
        assert site.before.received.acquire(timeout=PATIENCE_S)
        response = fetch(site)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        may_go_on.set()
        assert first.response().status == second.response().status == 200


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("200 OK", [("X", "a\r\nSet-Cookie: b")], [b"ok"]),
        ("200 OK", [("X\r\nY", "a")], [b"ok"]),
        ("200 OK", [("X", "\u20ac")], [b"ok"]),
        ("200 O\rK", [], [b"ok"]),
        ("ok", [], [b"ok"]),
        ("101 Switching Protocols", [], [b"ok"]),
        ("200 OK", [("Content-Length", "2"), ("Content-Length", "3")], [b"ok"]),
        ("200 OK", [("Content-Length", "-2")], [b"ok"]),
        ("200 OK", [("Content-Length", "1")], [b"ok"]),
        ("200 OK", [], ["text"]),
        ("200 OK", "headers", [b"ok"]),
        (200, [], [b"ok"]),
    ],
)
def test_what_is_no_response_is_500_and_its_application_is_closed(
    serve, status, headers, body, log
):
    blocks = Blocks(body)

    def answer(environ, start_response):
        try:
            start_response(status, headers)
        except Exception:
            blocks.close()
            raise
        return blocks

    response = fetch(serve(Application(answer)))
    assert (response.status, response.body) == (500, b"")
    assert "set-cookie" not in response.headers
    assert blocks.closed.wait(PATIENCE_S)
    assert any("WSGI application error" in line for line in log.at("critical"))
    log.events.clear()


@pytest.mark.parametrize("body", [[], [b"ok"]])
def test_no_call_of_start_response_is_500(serve, body, log):
    assert fetch(serve(Application(lambda environ, start: body))).status == 500
    log.events.clear()


@pytest.mark.parametrize("length", [[], [("Content-Length", "100")]])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_response_that_breaks_off_never_looks_complete(serve, length, version, log):
    seen = Event()

    def blocks():
        yield b"some"
        seen.wait(PATIENCE_S)
        raise RuntimeError("broken")

    body = Blocks(blocks())
    with serve(answering(body, headers=length)).connect() as client:
        client.send(f"GET /app HTTP/{version}\r\nHost: x\r\n\r\n")
        client.until(b"some")
        seen.set()
        assert client.is_aborted()
    assert body.closed.wait(PATIENCE_S)
    log.events.clear()


@pytest.mark.parametrize("blocks", [[b"some"], []])
def test_a_response_that_is_shorter_than_it_says_ends_with_its_connection(serve, blocks, log):
    site = serve(answering(blocks, headers=[("Content-Length", "100")]))
    with site.connect() as client:
        client.send(GET)
        assert client.is_aborted()
    log.events.clear()


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 None")]
)
def test_a_response_without_a_body_may_state_a_length(serve, method, status):
    site = serve(answering([], status, [("Content-Length", "100"), ("Connection", "close")]))
    with site.connect() as client:
        for _ in range(2):
            client.send(f"{method} /app HTTP/1.1\r\nHost: x\r\n\r\n")
            response = client.response(method)
            assert response.read() == b""
            assert response.headers["connection"] is None


def test_an_application_may_replace_the_head_of_a_response_that_has_not_begun(serve):
    def answer(environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            start_response("503 Later", [], sys.exc_info())
        return [b"sorry"]

    response = fetch(serve(Application(answer)))
    assert (response.status, response.body) == (503, b"sorry")


def test_a_status_without_a_phrase_gets_one(serve):
    for status, reason in {"404": "Not Found", "599 ": "Unknown Status"}.items():
        assert fetch(serve(answering([], status))).reason == reason


def test_a_listener_on_a_unix_socket_has_no_addresses(serve):
    application = answering()
    site = serve(application)
    site.before.address = UNIXAddress("/a/socket")
    assert fetch(site).status == 200
    assert application.environ["REMOTE_ADDR"] == ""
    assert application.environ["SERVER_PORT"] == "0"


def test_the_end_of_a_worker_aborts_responses_and_waits_for_their_applications(
    live, reactor, serve
):
    body = Blocks(iter(lambda: BLOCK, None))
    with serve(answering(body)).connect() as client:
        client.send(GET)
        client.until(END)
        stop = reactor.triggers.pop()
        live.ask(stop)
        assert body.closed.is_set()
        assert client.is_aborted()


def test_the_end_of_a_worker_does_not_wait_for_an_application_that_does_not_yield(
    live, reactor, serve, monkeypatch
):
    monkeypatch.setattr(threads_module, "PATIENCE_S", 0)
    may_go_on, began = Event(), Event()

    def answer(environ, start_response):
        began.set()
        may_go_on.wait(PATIENCE_S)
        start_response("200 OK", [])
        return [b"ok"]

    with serve(Application(answer)).connect() as client:
        client.send(GET)
        assert began.wait(PATIENCE_S)
        stop = reactor.triggers.pop()
        live.ask(stop)
        may_go_on.set()
        assert client.is_aborted()


class Personality:
    """Checks nothing."""

    WEB_SERVICE_CHECKERS = {"wsgi": lambda personality, config: None}


def service(live, path="/app", **config):
    worker = SimpleNamespace(personality=Personality, _reactor=NoTriggers(live))
    item = {"module": "tests.unit.web.applications", "object": "Blocks", **config}
    created = WsgiService.create(SimpleNamespace(worker=worker), path, item)
    [stop] = worker._reactor.triggers
    live.ask(stop)
    return created


def test_the_service_is_made_of_a_module_and_an_object(live):
    assert isinstance(service(live).resource, ApplicationResource)
    assert not isinstance(service(live, path="/").resource, ApplicationResource)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"module": "no.such.module"}, 'WSGI app module "no.such.module" import failed'),
        ({"object": "nothing"}, 'WSGI app object "nothing" not in module'),
        ({"minthreads": 30}, "expected 0 <= minthreads <= maxthreads, found 30 and 20"),
        ({"maxthreads": 0}, "found 0 and 0"),
    ],
)
def test_a_wrong_configuration_is_said_to_be(live, wrong, message):
    with pytest.raises(ApplicationError, match=message):
        service(live, **wrong)


def test_a_response_ends_once_and_not_after_its_client():
    class Request:
        """One that counts how often it is ended."""

        ended = 0
        producer = None
        method = b"GET"
        requestHeaders = Headers()
        content = BytesIO()
        channel = None

        def notifyFinish(self):
            return Deferred()

        def registerProducer(self, producer, streaming):
            self.producer = producer

        def unregisterProducer(self):
            self.producer = None

        def finish(self):
            self.ended += 1

    for is_gone in (False, True):
        request = Request()
        window = ClientWindow(None, request)
        seen = WsgiRequest(request, window)
        if is_gone:
            window.stopProducing()
            window.pauseProducing()
            window.wait()
        seen.finish()
        seen.finish()
        assert request.ended == (0 if is_gone else 1)
        assert (request.producer is None) is not is_gone


def test_no_thread_of_a_service_keeps_a_process_from_ending(live, make_threads):
    daemons, over = [], Event()

    def note():
        daemons.append(current_thread().daemon)
        over.set()

    live.ask(make_threads().pool.callInThread, note)
    assert over.wait(PATIENCE_S)
    assert daemons == [True]

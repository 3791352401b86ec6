"""Bodies of requests on a site with guards: those of strangers are not read."""

from types import SimpleNamespace

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection as H2Client
from h2.events import DataReceived, ResponseReceived, StreamEnded
from twisted.internet.testing import StringTransport
from twisted.web._http2 import H2Connection

from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.guard import request as guarded_request
from cookietrack_plugin.router.guard.bodies import EARLY_BYTES, SMALL_BYTES
from cookietrack_plugin.router.guard.draining import DRAIN_S, Draining
from cookietrack_plugin.router.names import CookieNames
from tests.support.guarded import ALICE, BOB, Inner, Web, users

HUGE = 500_000_000
SAME_SITE = "Sec-Fetch-Site: same-origin"
POST = "POST /admin/up HTTP/1.1"
COOKIE = f"Cookie: cbtid={ALICE}"


@pytest.fixture(autouse=True)
def names(monkeypatch):
    monkeypatch.setattr(guarded_request, "cookie_names", CookieNames(["cbtid"]))


@pytest.fixture
def tracked(any_store, make_tracked):
    return make_tracked(any_store)


@pytest.fixture
def web(tracked):
    web = Web(tracked)
    for value, auth in users():
        web.log_in(value, auth)
    return web


def wait_for_answer(web, browser):
    web.tracked.reactor.turn_until(lambda: browser.output, "an answer")
    return browser.response


class TestOfAStranger:
    @pytest.mark.parametrize(
        "length", [f"Content-Length: {HUGE}", "Transfer-Encoding: chunked"], ids=["long", "chunked"]
    )
    @pytest.mark.parametrize("cookie", ["a=1", "cbtid=unknown"])
    def test_is_refused_before_it_came(self, web, length, cookie):
        browser = web.browse(POST, f"Cookie: {cookie}", SAME_SITE, length)
        response = wait_for_answer(web, browser)
        assert (response.status, response["connection"]) == (401, "close")
        assert not browser.wire.connected
        assert web.inner.requests == []

    def test_is_refused_as_cross_site(self, web):
        browser = web.browse(POST, COOKIE, f"Content-Length: {HUGE}")
        assert wait_for_answer(web, browser).status == 403

    def test_is_refused_where_the_store_is_away(self, web):
        web.awaited.store = None
        browser = web.browse(POST, COOKIE, SAME_SITE, f"Content-Length: {HUGE}")
        assert wait_for_answer(web, browser).status == 503
        assert not browser.wire.connected

    def test_is_refused_on_a_path_that_is_none(self, web):
        browser = web.browse("POST /./admin/ HTTP/1.1", f"Content-Length: {HUGE}")
        assert wait_for_answer(web, browser).status == 400
        assert not browser.wire.connected

    def test_is_not_asked_for(self, web):
        expect = ["Expect: 100-continue", f"Content-Length: {HUGE}"]
        browser = web.browse(POST, "Cookie: cbtid=unknown", SAME_SITE, *expect)
        assert wait_for_answer(web, browser).status == 401

    def test_that_comes_with_the_head_is_dropped(self, web):
        body = b"x" * (SMALL_BYTES + 1)
        browser = web.browse(POST, COOKIE, f"Content-Length: {len(body)}", body=body)
        assert wait_for_answer(web, browser).status == 403
        assert not browser.wire.connected

    def test_that_is_small_leaves_the_connection_open(self, web):
        browser = web.browse(POST, f"Content-Length: {SMALL_BYTES}", body=b"x" * SMALL_BYTES)
        response = wait_for_answer(web, browser)
        assert (response.status, response["connection"]) == (401, None)
        browser.wire.clear()
        browser.send("GET /admin/ HTTP/1.1", COOKIE)
        assert wait_for_answer(web, browser).status == 200

    def test_is_refused_by_the_inner_of_two_guards_too(self, web):
        inner = Inner()
        inner_guard = web.guard(inner, allow={"roles": ["operator"]})
        web.root.putChild(b"staff", web.guard(inner_guard))
        lines = ["POST /staff/ HTTP/1.1", SAME_SITE, f"Content-Length: {HUGE}"]
        browser = web.browse(*lines, f"Cookie: cbtid={BOB}")
        assert wait_for_answer(web, browser).status == 403
        assert not browser.wire.connected
        assert web.tracked.tracker.connected == 0

    def test_outside_of_guards_is_read(self, web):
        web.root.putChild(b"open", outside := Inner())
        body = b"x" * (SMALL_BYTES + 1)
        response = web.ask("POST /open HTTP/1.1", f"Content-Length: {len(body)}", body=body)
        assert (response.status, outside.bodies) == (200, [body])


class TestOfSomebodyWhoIsIn:
    def test_is_read_once_that_is_known(self, web):
        body = bytes(range(256)) * 1000
        browser = web.browse(POST, COOKIE, SAME_SITE, f"Content-Length: {len(body)}")
        web.tracked.reactor.turn_until(lambda: not browser.wire.paused, "the client is read")
        browser.wire.protocol.dataReceived(body[:1000])
        browser.wire.protocol.dataReceived(body[1000:])
        assert wait_for_answer(web, browser).status == 200
        assert web.inner.bodies == [body]
        assert len(web.tracked.store.loaded) == 1
        assert web.tracked.tracker.connected == 0

    def test_that_came_with_the_head_is_kept(self, web):
        body = b"x" * (SMALL_BYTES + 1)
        browser = web.browse(POST, COOKIE, SAME_SITE, f"Content-Length: {len(body)}", body=body)
        assert wait_for_answer(web, browser).status == 200
        assert web.inner.bodies == [body]

    def test_in_chunks(self, web):
        lines = [POST, COOKIE, SAME_SITE, "Transfer-Encoding: chunked"]
        browser = web.browse(*lines, body=b"3\r\nabc\r\n0\r\n\r\n")
        assert wait_for_answer(web, browser).status == 200
        assert web.inner.bodies == [b"abc"]
        browser.wire.clear()
        browser.send("GET /admin/ HTTP/1.1", COOKIE)
        assert wait_for_answer(web, browser).status == 200

    def test_is_asked_for(self, web):
        expect = ["Expect: 100-continue", f"Content-Length: {SMALL_BYTES + 1}"]
        browser = web.browse(POST, COOKIE, SAME_SITE, *expect)
        assert wait_for_answer(web, browser).status == 100
        browser.wire.clear()
        browser.wire.protocol.dataReceived(b"x" * (SMALL_BYTES + 1))
        assert wait_for_answer(web, browser).status == 200

    def test_whose_session_ends_while_it_comes_is_cut(self, web):
        browser = web.browse(POST, COOKIE, SAME_SITE, f"Content-Length: {HUGE}")
        reactor, tracker = web.tracked.reactor, web.tracked.tracker
        reactor.turn_until(lambda: tracker.connected, "somebody is let in")
        ending = tracker.revoke([id_of(ALICE)])
        assert browser.wire.aborted
        browser.wire.lose()
        assert tracker.connected == 0
        reactor.result_of(ending)
        assert web.inner.requests == []


class TestWhileNobodyKnows:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        return make_tracked(make_store(reads_block=True))

    @pytest.fixture
    def browser(self, web, tracked):
        tracked.store.reads.shut()
        yield web.browse(POST, COOKIE, SAME_SITE, f"Content-Length: {HUGE}")
        tracked.store.reads.open()

    def test_the_client_is_not_read(self, browser):
        assert browser.wire.paused
        assert browser.output == b""

    def test_no_more_is_kept_than_came_with_the_head(self, browser):
        browser.wire.protocol.dataReceived(b"x" * EARLY_BYTES)
        assert not browser.wire.aborted
        browser.wire.protocol.dataReceived(b"x")
        assert browser.wire.aborted

    def test_a_client_that_leaves_leaves_nothing(self, browser, web, tracked):
        browser.wire.lose()
        tracked.store.reads.open()
        tracked.reactor.turn_until(lambda: tracked.tracker.metrics.requests["returning"])
        assert tracked.tracker.connected == 0
        assert browser.output == b""

    def test_a_store_that_hangs_is_not_waited_for(self, browser, tracked):
        tracked.reactor.advance(5)
        assert browser.response.status == 503
        assert not browser.wire.connected


class Stream:
    """A client of HTTP/2 in memory."""

    def __init__(self, web):
        self.server = H2Connection(web.tracked.reactor)
        self.server.site = self.server.factory = web.site
        web.site.reactor = web.tracked.reactor
        self.server.requestFactory = web.site.requestFactory
        self.wire = StringTransport()
        self.server.makeConnection(self.wire)
        self.client = H2Client(H2Configuration(client_side=True))
        self.client.initiate_connection()
        self.events, self.reactor = [], web.tracked.reactor
        self.turn()

    def turn(self):
        self.server.dataReceived(self.client.data_to_send())
        self.reactor.turn()
        data = self.wire.value()
        self.wire.clear()
        self.events += self.client.receive_data(data)

    def begin(self, *headers, method="POST", path="/admin/up", ends=False):
        pairs = {":method": method, ":path": path, ":scheme": "https", ":authority": "h"}
        self.client.send_headers(1, [*pairs.items(), *headers], end_stream=ends)
        self.turn()

    def send(self, data, ends=False):
        self.client.send_data(1, data, end_stream=ends)
        self.turn()

    def wait_for(self, kind):
        def found():
            self.turn()
            return [event for event in self.events if isinstance(event, kind)]

        self.reactor.turn_until(found, kind.__name__)
        return found()[0]

    def status(self):
        headers = dict(self.wait_for(ResponseReceived).headers)
        return int(headers.get(":status") or headers[b":status"])


class TestHTTP2:
    @pytest.fixture
    def stream(self, web):
        return Stream(web)

    def test_somebody_is_let_in(self, stream, web):
        stream.begin(("cookie", f"cbtid={ALICE}"), method="GET", ends=True)
        assert stream.status() == 200
        assert stream.wait_for(DataReceived).data == b"secret"
        stream.wait_for(StreamEnded)
        web.tracked.reactor.advance(DRAIN_S)
        assert web.tracked.tracker.connected == 0

    @pytest.mark.parametrize("early", [True, False], ids=["length first", "length last"])
    def test_a_body_is_read(self, stream, web, early):
        headers = [("cookie", f"cbtid={ALICE}"), ("sec-fetch-site", "same-origin")]
        headers.insert(0 if early else 2, ("content-length", "6"))
        stream.begin(*headers)
        stream.send(b"abc")
        stream.send(b"def", ends=True)
        assert stream.status() == 200
        assert web.inner.bodies == [b"abcdef"]

    def test_a_strangers_body_is_not(self, stream, web):
        stream.begin(("cookie", "cbtid=unknown"), ("sec-fetch-site", "same-origin"))
        stream.send(b"x" * 10_000)
        assert stream.status() == 401
        stream.send(b"x", ends=True)
        stream.wait_for(StreamEnded)
        assert web.inner.requests == []

    def test_a_stranger_may_send_a_little_more(self, stream):
        stream.begin(("content-length", str(HUGE)))
        sent = 0
        while (window := stream.client.local_flow_control_window(1)) and sent < 2 * EARLY_BYTES:
            part = min(window, 16_000)
            stream.send(b"x" * part)
            sent += part
        assert stream.status() == 401
        assert sent < 2 * EARLY_BYTES

    def test_an_end_cuts_the_connection(self, stream, web):
        """To a client the reset of a stream by Twisted would be the end of the body."""
        web.inner.answer = lambda request: request.write(b"first") or 1
        stream.begin(("cookie", f"cbtid={ALICE}"), method="GET", ends=True)
        stream.wait_for(DataReceived)
        web.tracked.reactor.result_of(web.tracked.tracker.revoke_user("alice"))
        assert stream.wire.disconnected


def test_an_answer_of_a_stream_drains_until_twisted_has_forgotten_the_stream(reactor):
    """Not as above: Twisted's own loop of sending never rests on a clock that stands still."""
    done, transport = [], StringTransport()
    transport.connected = True
    connection = SimpleNamespace(streams={1: "the stream"}, transport=transport)
    channel = SimpleNamespace(streamID=1, _conn=connection)
    draining = Draining(channel, reactor, lambda: done.append(True))
    reactor.advance(DRAIN_S)
    assert done == []
    connection.streams.clear()
    reactor.advance(DRAIN_S)
    assert done == [True]
    draining.abort()
    assert transport.disconnected

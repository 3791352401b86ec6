"""Connections behind a redactor: what Autobahn gets of their opening handshakes, and when."""

from typing import Any

import pytest
from autobahn.wamp.message import Hello
from crossbar.worker.testee import WebSocketTesteeServerFactory
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from cookietrack_plugin.header import id_of
from cookietrack_plugin.router import redacted
from cookietrack_plugin.router.head import EARLY_BYTES, END_OF_HEAD, HEAD_BYTES, HEAD_LINES
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.router.redacted import (
    POLICY_REQUEST,
    RedactedFactory,
    RedactedHandshake,
    RedactedProtocol,
    RedactedTesteeProtocol,
)
from tests.support.protocols import Client, FakeSession

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
ID = id_of(VALUE)


class Observed(RedactedHandshake):
    """Notes what Autobahn is given before the connection is open."""

    def connectionMade(self) -> None:
        self.given: list[bytes] = []
        super().connectionMade()

    def processHandshake(self) -> None:
        self.given.append(self.data)
        super().processHandshake()


class ObservedProtocol(Observed, RedactedProtocol):
    """A connection without a cookie of its own."""


class WaitingProtocol(ObservedProtocol):
    """One whose handshake is answered when the test says so."""

    def onConnect(self, request: Any) -> Deferred[Any]:
        answer = super().onConnect(request)
        self.answer: Deferred[None] = Deferred()
        return self.answer.addCallback(lambda _: answer)


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The node has two cookies."""
    names = CookieNames(["cbtid", "sid"])
    monkeypatch.setattr(redacted, "cookie_names", names)
    return names


def make_factory(protocol: type = ObservedProtocol, **options: object) -> RedactedFactory:
    factory = RedactedFactory(FakeSession, "/node", {"options": options}, None)
    factory.protocol = protocol
    return factory


class Recording(Client):
    """A client whose bytes are kept until the test sends them in pieces of its choice."""

    def __init__(self, factory: Any) -> None:
        super().__init__(factory)
        server, self.sent = self.protocol, b""
        self.protocol = self
        self.dataReceived = self._record
        self.server = server

    def _record(self, data: bytes) -> None:
        self.sent += data


def recorded(factory: Any, *fields: str) -> Recording:
    """A client that is about to shake hands, and to say HELLO without waiting for the answer."""
    client = Recording(factory)
    client.shake_hands(*fields)
    client.hello()
    return client


COOKIES = f"Cookie: a=1; cbtid={VALUE}; sid={VALUE}x; b=2"


class TestAnOpeningHandshake:
    @given(st.data())
    def test_reaches_autobahn_once_and_without_a_value_however_it_is_cut(self, data):
        client = recorded(make_factory(), COOKIES, f"Set-Cookie: cbtid={VALUE}")
        cuts = sorted(data.draw(st.sets(st.integers(1, len(client.sent) - 1), max_size=8)))
        for start, end in zip([0, *cuts], [*cuts, len(client.sent)], strict=True):
            client.server.dataReceived(client.sent[start:end])
        (given,) = client.server.given
        assert given.endswith(END_OF_HEAD)
        assert VALUE.encode() not in given
        assert b"set-cookie" not in given.lower()
        assert f"Cookie: a=1; cbtid={ID}; sid={id_of(VALUE + 'x')}; b=2".encode() in given
        assert [type(message) for message in client.server._session.received] == [Hello]

    def test_costs_autobahn_linear_time_byte_by_byte(self):
        client = recorded(make_factory(), f"X: {'x' * 60_000}")
        for byte in client.sent:
            client.server.dataReceived(bytes([byte]))
        assert sum(map(len, client.server.given)) <= len(client.sent)
        assert client.status == 101

    def test_shows_no_value_in_a_debug_log_and_none_in_what_crossbar_publishes(self, log):
        client = Client(make_factory()).shake_hands(COOKIES)
        assert client.status == 101
        lines = log.text()
        assert ID in lines
        assert VALUE not in lines
        published = client.protocol._transport_details.marshal()
        assert ID in repr(published)
        assert VALUE not in repr(published)

    def test_that_fails_shows_no_value_either(self, log):
        client = Client(make_factory())
        client.protocol.dataReceived(f"Cookie: sid={VALUE}\n{COOKIES}".encode() + END_OF_HEAD)
        assert client.status == 400
        assert VALUE not in log.text()

    def test_knows_the_cookies_that_are_known_when_the_connection_begins(self, names):
        factory = make_factory()
        names.add(["later"])
        client = Client(factory).shake_hands(f"Cookie: later={VALUE}")
        assert VALUE.encode() not in client.protocol.given[0]


class TestAHeadThatIsTooLarge:
    @pytest.mark.parametrize("size", [1000, HEAD_BYTES, 2 * HEAD_BYTES])
    def test_is_answered_with_431_and_never_reaches_autobahn(self, size):
        client = recorded(make_factory(), f"X: {'x' * HEAD_BYTES}")
        for start in range(0, len(client.sent), size):
            client.server.dataReceived(client.sent[start : start + size])
        assert client.status == 431
        assert client.transport.disconnecting
        assert client.server.given == []

    def test_may_be_so_by_its_lines_too(self):
        client = Client(make_factory()).shake_hands(*["a:"] * HEAD_LINES)
        assert (client.status, client.transport.disconnecting) == (431, True)

    def test_ends_the_handshake_for_good(self):
        client = recorded(make_factory(), f"X: {'x' * HEAD_BYTES}")
        client.server.dataReceived(client.sent)
        answer = client.transport.value()
        client.server.dataReceived(recorded(make_factory()).sent)
        assert client.transport.value() == answer


class TestAMalformedHead:
    @pytest.mark.parametrize("forged", ["A: b\nX-Forwarded-For: 192.0.2.1", " A: b", "A : b", "A"])
    @pytest.mark.parametrize("field", ["B: c", COOKIES])
    def test_is_answered_with_400_and_never_reaches_autobahn(self, log, field, forged):
        client = Client(make_factory()).shake_hands(field, forged)
        assert (client.status, client.transport.disconnecting) == (400, True)
        assert client.protocol.given == []
        assert VALUE not in log.text()


class TestBytesBeforeTheAnswer:
    @pytest.fixture
    def client(self):
        return Client(make_factory(WaitingProtocol)).shake_hands()

    def test_wait_for_it(self, client):
        client.hello()
        client.protocol.dataReceived(END_OF_HEAD)
        assert len(client.protocol.given) == 1
        client.protocol.answer.callback(None)
        assert client.status == 101
        assert [type(message) for message in client.session.received] == [Hello]

    def test_are_bounded(self, client):
        client.protocol.dataReceived(b"a" * EARLY_BYTES)
        assert not client.transport.disconnecting
        client.protocol.dataReceived(b"a")
        assert client.transport.disconnecting


class TestFlash:
    def test_gets_its_policy_where_that_is_on(self):
        client = Client(make_factory(enable_flash_policy=True, flash_policy="<policy/>"))
        client.protocol.dataReceived(POLICY_REQUEST[:5])
        client.protocol.dataReceived(POLICY_REQUEST[5:])
        assert client.transport.value() == b"<policy/>"

    def test_gets_none_where_it_is_off(self):
        client = Client(make_factory())
        client.protocol.dataReceived(POLICY_REQUEST)
        assert client.transport.value() == b""


def test_other_servers_can_be_redacted_as_well():
    factory = WebSocketTesteeServerFactory({}, None)
    factory.protocol = type("ObservedTestee", (Observed, RedactedTesteeProtocol), {})
    client = Client(factory).shake_hands(COOKIES)
    assert client.status == 101
    assert VALUE.encode() not in client.protocol.given[0]

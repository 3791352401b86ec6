"""How much a login may bring along, found out without recursion."""

import pytest
from autobahn.wamp import serializer
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.message import Welcome
from autobahn.wamp.types import Accept
from cbor2 import CBORTag

from cookietrack_plugin.router.accepted import AcceptedLogins
from cookietrack_plugin.router.extent import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_EARLY_BYTES,
    MAX_LEVELS,
    TOO_DEEP,
    check_extent,
    early_limit,
)
from cookietrack_plugin.stores.kit.nesting import is_deeper
from cookietrack_plugin.tracking.login import LoginRefused
from tests.support.protocols import ROUTER, FakeSession, make_hello
from tests.support.realm import SessionFactory

pytest_plugins = ["tests.support.routers"]

WRAPS = {
    "mapping": lambda inner: {"a": inner},
    "list": lambda inner: [inner],
    "tag": lambda inner: CBORTag(4000, inner),
    "mixed": lambda inner: [inner] if isinstance(inner, dict) else {"a": inner},
}


def nested(levels, wrap=WRAPS["mapping"]):
    extra = 0
    for _ in range(levels):
        extra = wrap(extra)
    return extra


@pytest.mark.parametrize("kind", ["mapping", "list", "tag", "mixed"])
def test_levels_are_counted_in_whatever_they_are_made_of(kind):
    assert not is_deeper(nested(MAX_DEPTH, WRAPS[kind]), MAX_DEPTH)
    assert is_deeper(nested(MAX_DEPTH + 1, WRAPS[kind]), MAX_DEPTH)
    assert is_deeper({"a": 1, "b": nested(8_000, WRAPS[kind])}, MAX_DEPTH)


def test_levels_in_keys_count():
    key = nested(MAX_DEPTH, lambda inner: (inner,))
    assert is_deeper({key: 1}, MAX_DEPTH)
    assert is_deeper({"a": frozenset([key])}, MAX_DEPTH)


def test_what_contains_itself_is_too_deep():
    extra = {}
    extra["a"] = extra
    assert is_deeper(extra, MAX_DEPTH)


def test_what_stands_in_many_places_is_looked_at_once_for_its_depth_and_is_large():
    extra = nested(MAX_DEPTH - 1, lambda inner: [inner, inner])
    assert not is_deeper(extra, MAX_DEPTH)
    with pytest.raises(ValueError, match="larger than 64 KiB"):
        check_extent({"a": extra})


@pytest.mark.parametrize(
    "extra",
    [
        {"a": "x" * MAX_BYTES},
        {"a": "☃" * (MAX_BYTES // 3)},
        {"a": b"x" * MAX_BYTES},
        {"x" * MAX_BYTES: 1},
        {"a": [None] * MAX_BYTES},
        {"a": [[]] * MAX_BYTES},
        {"a": 1 << (8 * MAX_BYTES)},
    ],
    ids=["text", "snowmen", "bytes", "key", "items", "lists", "number"],
)
def test_size_is_that_of_texts_numbers_and_items(extra):
    with pytest.raises(ValueError, match="the authextra is larger than 64 KiB"):
        check_extent(extra)


@pytest.mark.parametrize(
    ("allowed", "bytes_"), [(0, MAX_EARLY_BYTES), (4711, 4711), (2**30, MAX_EARLY_BYTES)]
)
def test_before_a_login_the_smaller_limit_counts(allowed, bytes_):
    assert early_limit(allowed) == bytes_


@pytest.mark.parametrize("extra", [None, {}, {"a": "x" * (MAX_BYTES - 100), "b": [1.5, b"x"]}])
def test_the_rest_is_good(extra):
    check_extent(extra)


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        (nested(8_000), "the authextra is nested deeper than 64 levels"),
        ({"a": "x" * MAX_BYTES}, "the authextra is larger than 64 KiB"),
        ({"a": ["\ud800"]}, "the authextra has a text that is no Unicode"),
        ({"\udfff": 1}, "the authextra has a text that is no Unicode"),
    ],
)
def test_a_login_beyond_is_refused(make_router, extra, cause):
    router = make_router(("ticket",))
    client = router.connect()
    logins = AcceptedLogins(client.protocol._cookies, client.protocol._connection)
    accept = Accept("realm1", "joe", "user", "ticket", "static", extra)
    with pytest.raises(LoginRefused, match=cause):
        logins.session_of(accept)


@pytest.fixture
def client(make_router):
    return make_router(sessions=SessionFactory(FakeSession)).connect()


class TestAMessage:
    """Crossbar writes it again for its receivers, in the serialization of each."""

    @staticmethod
    def heard(client, kind, levels):
        client.protocol._serializer = kind()
        # Two levels are the message's own.
        message = [1, "realm1", {"roles": {"caller": {}}, "authextra": nested(levels - 2)}]
        client.protocol.onMessage(
            kind()._serializer.serialize(message), kind.SERIALIZER_ID != "json"
        )
        return len(client.session.received)

    @pytest.mark.parametrize("kind", [serializer.JsonSerializer, serializer.UBJSONSerializer])
    def test_has_a_bounded_number_of_levels(self, client, kind):
        assert self.heard(client, kind, MAX_LEVELS) == 1
        assert self.heard(client, kind, MAX_LEVELS + 1) == 1
        assert client.said == [1002]
        assert client.transport.value().endswith(f"WAMP Protocol Error ({TOO_DEEP})".encode())

    def test_is_small_before_its_client_has_joined(self, client):
        hello = make_hello()
        hello.authextra = {"a": "x" * MAX_EARLY_BYTES}
        client.send(hello)
        assert client.session.received == []
        assert client.said == [1009]

    def test_may_be_as_large_as_the_transport_allows_once_it_has(self, client):
        client.hello()
        client.protocol.send(Welcome(1, ROUTER, "realm1", "joe", "user", "ticket"))
        client.publish("x" * MAX_EARLY_BYTES)
        assert len(client.session.received) == 2

    @pytest.mark.parametrize("kind", [serializer.CBORSerializer, serializer.MsgPackSerializer])
    def test_of_others_is_bounded_by_what_reads_it(self, kind):
        start = {"cbor": b"\x81", "msgpack": b"\x91"}[kind.SERIALIZER_ID]
        with pytest.raises(ProtocolError, match=r"depth|StackError"):
            kind().unserialize(start * 2000 + b"\x01", True)

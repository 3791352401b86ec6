"""Messages in JSON that are read in C: just as Autobahn reads them."""

import base64
import json

import pytest
from autobahn.wamp.message import Hello
from autobahn.wamp.serializer import JsonObjectSerializer
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.router.extent import MAX_LEVELS
from cookietrack_plugin.router.fast import jsontext
from cookietrack_plugin.router.fast.jsontext import QuickJson, QuickObjects, quick
from tests.support.protocols import FakeSession
from tests.support.realm import SessionFactory

pytest_plugins = ["tests.support.routers"]

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


def outcome(read, payload):
    """What `read` makes of it, or the type of the error."""
    try:
        return read(payload)
    except Exception as error:  # noqa: BLE001 - whichever it is, it is to be the same
        return type(error)


@given(st.lists(VALUES))
def test_a_message_is_what_autobahn_makes_of_it(value):
    payload = JsonObjectSerializer().serialize(value)
    assert QuickObjects().serialize(value) == payload
    assert QuickObjects().unserialize(payload) == JsonObjectSerializer().unserialize(payload)


@given(st.text(st.sampled_from('[]{}",:\\u0001aéNI-e.'), max_size=30) | st.text())
def test_any_text_is_what_autobahn_makes_of_it(text):
    theirs = outcome(JsonObjectSerializer().unserialize, text.encode(errors="replace"))
    assert outcome(QuickObjects().unserialize, text.encode(errors="replace")) == theirs


@given(st.binary(max_size=40))
def test_any_bytes_are_what_autobahn_makes_of_them(data):
    theirs = outcome(JsonObjectSerializer().unserialize, data)
    assert outcome(QuickObjects().unserialize, data) == theirs


@pytest.mark.parametrize(
    "payload",
    [
        b"\xef\xbb\xbf[1]",
        b"[1] [2]",
        b"[1e400, -0.0, NaN, Infinity]",
        b"[1" + b"0" * 5000 + b"]",
        b'["\x00aGVsbG8="]',
        b'["\\\\u0000", "\\u0000aGVsbG8=", "\\u0000!"]',
        b'{"a": 1, "a": 2}',
        b'["\\ud800"]',
    ],
)
def test_what_is_odd_is_what_autobahn_makes_of_it(payload):
    theirs = outcome(JsonObjectSerializer().unserialize, payload)
    assert repr(outcome(QuickObjects().unserialize, payload)) == repr(theirs)


def deep(levels: int, start: bytes, end: bytes) -> bytes:
    return start * levels + b"1" + end * levels


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"]}\\"]":', b"}"), (b"[[],", b"]")])
def test_levels_are_bounded_as_to_read_them_would_end_the_process(start, end):
    read = QuickObjects().unserialize
    deepest = deep(MAX_LEVELS, start, end)
    if not start.startswith(b"[["):
        assert read(deepest) == JsonObjectSerializer().unserialize(deepest)
    for levels in (MAX_LEVELS + 1, 100_000):
        for payload in (deep(levels, start, end), start * levels):
            with pytest.raises(ValueError, match="nested deeper than 400 levels"):
                read(payload)


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps([["[" * 1000, {}]] * 1000),
        json.dumps(['\\"[{' * 1000]),
        json.dumps({'"' * 300: "{" * 1000}),
    ],
)
def test_levels_are_not_brackets(payload):
    assert QuickObjects().unserialize(payload.encode()) == [json.loads(payload)]


@pytest.mark.parametrize("text", [b'\\"', b"\\", b'"', b"[", b'"['])
def test_a_text_without_an_end_takes_linear_time(text):
    with pytest.raises(ValueError):
        QuickObjects().unserialize(b'["' + text * 300_000 + b"[" * 500)


@given(st.lists(VALUES, max_size=3), st.binary(max_size=5))
def test_a_batch_is_what_autobahn_makes_of_it(values, more):
    payload = b"".join(map(JsonObjectSerializer(True).serialize, values)) + more
    theirs = outcome(JsonObjectSerializer(True).unserialize, payload)
    assert outcome(QuickObjects(True).unserialize, payload) == theirs


def test_messages_without_bytes_are_not_read_by_autobahn(monkeypatch):
    def refuse(self, payload):
        raise AssertionError("in Python")

    monkeypatch.setattr(JsonObjectSerializer, "unserialize", refuse)
    assert QuickObjects().unserialize(b'["a"]') == [["a"]]
    with pytest.raises(AssertionError, match="in Python"):
        QuickObjects().unserialize(b'["\\u0000YQ=="]')


class TestATransport:
    @pytest.fixture
    def factory(self, make_router):
        return make_router(sessions=SessionFactory(FakeSession)).factory

    def test_has_it_for_json_and_the_others_as_they_are(self, factory):
        types = {id: type(each) for id, each in factory._serializers.items()}
        assert types.pop("json") is types.pop("json.batched") is QuickJson
        assert types
        assert QuickJson not in types.values()
        assert all(f"wamp.2.{id}" in factory.protocols for id in factory._serializers)

    def test_hears_batches(self, make_router):
        router = make_router(sessions=SessionFactory(FakeSession))
        client = router.connect(subprotocol="wamp.2.json.batched")
        assert type(client.protocol._serializer) is QuickJson
        hello = json.dumps([1, "realm1", {"roles": {"caller": {}}}]).encode()
        client.protocol.onMessage(hello + b"\x18", False)
        assert [type(message) for message in client.session.received] == [Hello]
        client.protocol.onMessage(deep(MAX_LEVELS + 1, b"[", b"]") + b"\x18", False)
        assert client.said == [1002]

    def test_hears_its_clients_and_their_bytes(self, make_router):
        client = make_router(sessions=SessionFactory(FakeSession)).connect()
        assert type(client.protocol._serializer) is QuickJson
        extra = {"key": "\0" + base64.b64encode(b"\xff").decode()}
        hello = [1, "realm1", {"roles": {"caller": {}}, "authextra": extra}]
        client.protocol.onMessage(json.dumps(hello).encode(), False)
        [message] = client.session.received
        assert type(message) is Hello
        assert message.authextra["key"] == b"\xff"


def test_a_transport_without_json_gets_none():
    assert quick({"cbor": "theirs"}) == {"cbor": "theirs"}


def test_one_gets_what_it_has():
    assert list(quick({"json.batched": "theirs"})) == ["json.batched"]


@pytest.mark.parametrize("way", ["changed", "ujson"])
def test_another_autobahn_keeps_its_own(monkeypatch, way):
    if way == "changed":
        monkeypatch.setattr(jsontext, "CHANGED", ("_loads",))
    else:
        # As with AUTOBAHN_USE_UJSON.
        monkeypatch.setattr(JsonObjectSerializer, "JSON_MODULE", object())
    assert quick({"json": "theirs"}) == {"json": "theirs"}

"""Messages in JSON that are read in C: just as Autobahn reads them."""

import base64
import json

import pytest
from autobahn.wamp.message import Hello
from autobahn.wamp.serializer import JsonObjectSerializer
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.router.fast import jsontext
from cookietrack_plugin.router.fast.jsontext import MAX_BRACKETS, QuickJson, QuickObjects, quick
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
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_odd_is_what_autobahn_makes_of_it(payload):
    theirs = outcome(JsonObjectSerializer().unserialize, payload)
    assert repr(outcome(QuickObjects().unserialize, payload)) == repr(theirs)


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_deep_ones_are_left_to_autobahn_as_they_would_end_the_process(monkeypatch, bracket):
    monkeypatch.setattr(JsonObjectSerializer, "unserialize", lambda self, payload: "theirs")
    assert QuickObjects().unserialize(bracket * (MAX_BRACKETS + 1)) == "theirs"
    with pytest.raises(json.JSONDecodeError):
        QuickObjects().unserialize(bracket * MAX_BRACKETS)


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
        types = {id: type(each).__name__ for id, each in factory._serializers.items()}
        assert types.pop("json") == "QuickJson"
        assert types["json.batched"] == "JsonSerializer"
        assert all(f"wamp.2.{id}" in factory.protocols for id in types)

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


@pytest.mark.parametrize("way", ["changed", "ujson"])
def test_another_autobahn_keeps_its_own(monkeypatch, way):
    if way == "changed":
        monkeypatch.setattr(jsontext, "CHANGED", ("_loads",))
    else:
        # As with AUTOBAHN_USE_UJSON.
        monkeypatch.setattr(JsonObjectSerializer, "JSON_MODULE", object())
    assert quick({"json": "theirs"}) == {"json": "theirs"}

"""What a store packs as CBOR can be read back, or is refused."""

import cbor2
import pytest

from cookietrack_plugin.stores.kit.cbor import packed


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_packed_can_be_read_back():
    value = {"a": [1, b"\0", None, {"b": 0.5}]}
    assert cbor2.loads(packed(value)) == value


# cbor2 writes a tag 0 over any text, and reads one over a date alone (RFC 8949, section 3.4.1).
NO_DATE = cbor2.CBORTag(0, "no date")


@pytest.mark.parametrize(
    "value", [{"x": object()}, nested(5_000), NO_DATE], ids=["object", "deep", "tag"]
)
def test_what_cannot_be_read_back_is_refused(value):
    with pytest.raises(ValueError):
        packed(value)

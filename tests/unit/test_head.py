"""Bytes of a connection before its handshake is over: held back, in order, and not too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.router.head import (
    EARLY_BYTES,
    END_OF_HEAD,
    HEAD_BYTES,
    HandshakeBytes,
    HeadTooLarge,
    TooEarly,
)

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a=1" + END_OF_HEAD
LARGEST = b"a" * (HEAD_BYTES - len(END_OF_HEAD)) + END_OF_HEAD


class Counted(bytearray):
    """Counts the bytes that are searched."""

    searched = 0

    def find(self, sought, start=0, end=None):
        stop = len(self) if end is None else min(end, len(self))
        Counted.searched += max(0, stop - start)
        return super().find(sought, start, stop)


@st.composite
def segments_of(draw, data):
    """`data` in pieces, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=10)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


class TestAHead:
    @given(st.data())
    def test_is_given_once_and_whole_however_it_is_cut(self, data):
        rest = b"\x81\x85" + END_OF_HEAD + b"\x00"
        held, heads = HandshakeBytes(), []
        for segment in data.draw(segments_of(HEAD + rest)):
            assert held.is_complete == bool(heads)
            heads += [head for head in [held.add(segment)] if head is not None]
        assert heads == [HEAD]
        assert held.rest() == rest
        assert held.rest() == b""

    def test_may_be_empty(self):
        assert HandshakeBytes().add(END_OF_HEAD) == END_OF_HEAD

    def test_costs_linear_time_byte_by_byte(self):
        held = HandshakeBytes()
        held._held = Counted()
        Counted.searched = 0
        for byte in LARGEST[:-1]:
            assert held.add(bytes([byte])) is None
        assert held.add(LARGEST[-1:]) == LARGEST
        assert Counted.searched <= len(END_OF_HEAD) * len(LARGEST)

    @pytest.mark.parametrize("size", [1, 1000, HEAD_BYTES + 1])
    def test_that_is_too_large_is_refused_no_matter_how_it_comes(self, size):
        too_large = b"a" + LARGEST
        held = HandshakeBytes()
        with pytest.raises(HeadTooLarge):  # noqa: PT012
            for start in range(0, len(too_large), size):
                assert held.add(too_large[start : start + size]) is None

    def test_is_measured_without_what_comes_behind_it(self):
        held = HandshakeBytes()
        assert held.add(LARGEST + b"a" * EARLY_BYTES) == LARGEST


class TestWhatComesBehindAHead:
    def test_is_bounded(self):
        held = HandshakeBytes()
        held.add(HEAD + b"a")
        held.add(b"b" * (EARLY_BYTES - 1))
        with pytest.raises(TooEarly):
            held.add(b"c")

    def test_is_bounded_in_the_same_segment_too(self):
        with pytest.raises(TooEarly):
            HandshakeBytes().add(HEAD + b"a" * (EARLY_BYTES + 1))

    def test_that_was_given_away_no_longer_counts(self):
        held = HandshakeBytes()
        held.add(HEAD + b"a" * EARLY_BYTES)
        held.rest()
        assert held.add(b"b" * EARLY_BYTES) is None


def test_something_else_than_a_head_can_be_recognized():
    held = HandshakeBytes()
    held.add(b"<policy")
    assert not held.are(b"<policy/>")
    held.add(b"/>")
    assert held.are(b"<policy/>")
    held.add(b"x")
    assert not held.are(b"<policy/>")

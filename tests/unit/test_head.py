"""Bytes of a connection before its handshake is over: held back, in order, and not too many."""

import pytest
from autobahn.websocket.protocol import parseHttpHeader
from hypothesis import example, given
from hypothesis import strategies as st

from cookietrack_plugin.router.head import (
    _ENDS_LINES,
    EARLY_BYTES,
    END_OF_HEAD,
    HEAD_BYTES,
    HEAD_LINES,
    HandshakeBytes,
    HeadTooLarge,
    MalformedHead,
    TooEarly,
    require_well_formed,
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


def head(*lines: str) -> bytes:
    return "\r\n".join(["GET / HTTP/1.1", *lines]).encode("latin-1") + END_OF_HEAD


# The relatives of what one server takes for two fields, and another for one or none.
MALFORMED = [
    "A: b\nC: d",
    "A: b\rC: d",
    "A: b\r\r\nC: d",
    "A: b\n",
    "\nA: b",
    " A: b",
    "\tA: b",
    "A : b",
    "A\t: b",
    "A B: c",
    ": b",
    "",
    "A",
    "A: b\x00",
    "A: b\x0bC: d",
    "A: b\x7f",
    "A\x85: b",
    "\xc5: b",
    "A(: b",
]
PARTS = st.sampled_from([*"aA:(", "\r\n", "\r", "\n", " ", "\t", "\x00", "\x0b", "\x7f", "\xe9"])


class TestAWellFormedHead:
    @pytest.mark.parametrize(
        "line", ["A: b", "A:b", "A:", "A: \t b \t", "a-!#$%&'*+.^_`|~9: \xff", "A: b: c", "A: (b)"]
    )
    def test_passes_as_it_is(self, line):
        whole = head("Host: localhost", line)
        assert require_well_formed(whole) is whole

    @pytest.mark.parametrize("line", MALFORMED)
    def test_is_one_in_which_every_server_sees_the_same_fields(self, line):
        for whole in (head(line), head(line, "E: f"), head("E: f", line)):
            with pytest.raises(MalformedHead):
                require_well_formed(whole)

    @pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x00", "\x1f", "\x7f"])
    def test_has_no_control_character_in_its_first_line(self, character):
        with pytest.raises(MalformedHead):
            require_well_formed(f"GET /{character} HTTP/1.1".encode() + END_OF_HEAD)

    def test_has_a_bounded_number_of_lines_before_anything_is_read_of_them(self):
        require_well_formed(head(*["a:"] * HEAD_LINES))
        with pytest.raises(HeadTooLarge):
            require_well_formed(head(*["malformed"] * (HEAD_LINES + 1)))

    def test_has_just_the_fields_that_http_knows_also_for_an_older_autobahn(self):
        forged = "A: b\x85X-Forwarded-For: 192.0.2.1"
        assert parseHttpHeader(require_well_formed(head(forged)))[1].keys() == {"a"}

    @pytest.mark.skipif(_ENDS_LINES, reason="An Autobahn before 26.11 takes malformed heads.")
    @example("a:\x85a:")
    @given(st.lists(PARTS, max_size=12).map("".join))
    def test_is_what_autobahn_takes(self, lines):
        whole = head(lines) if lines else head()
        try:
            parseHttpHeader(whole)
        except ValueError:
            with pytest.raises(MalformedHead):
                require_well_formed(whole)
        else:
            assert require_well_formed(whole) == whole

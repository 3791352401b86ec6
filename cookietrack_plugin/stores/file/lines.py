"""
The lines of the `file` store's file. Each is the new state of one record:

    ["ct2","<CRC-32>","<id>",<batch>,<lines that follow>,<lines>,<record, or null: deleted>]

The checksum, eight hexadecimal digits, covers all that follows it. `batch` numbers the batch that
the line is of, which has so many `lines`. The numbers grow; 0 is for what a compaction has copied.
Crossbar's own lines are objects, ours are arrays: there is no mistaking one for the other.
"""

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

from attrs import frozen

FORMAT = 2
START = b'["ct2","'
# Replaces a deleted record.
GONE = b"null"
# For people. Behind the version, which tells older versions of this package not to read on.
_LEGEND = (
    b', "lines": ["ct2", "crc32", "id", "batch", "lines that follow in it", "lines in it", '
    b'["expires", "created", "seen", "peer", "user_agent", '
    b'["authid", "authrole", "authmethod", "authrealm", "authextra", "at"]]]'
)
_HEADER = re.compile(rb'\{"cookietrack": (\d{1,9}), "crc32": "([0-9a-f]{8})"(.*)\}\n?')
# Bytes of a line in front of its checksummed part, and of one with an empty key and text.
_BODY = len(START) + len("01234567")
LINE_SIZE = _BODY + len('","",0,0,1,]\n')

_LINE = re.compile(
    rb'^\["ct2","([0-9a-f]{8})(","([^"\n]*)",(\d+),(\d+),(\d+),(.*)\])\n', re.MULTILINE
)

# A record's key and its new text, or GONE.
State = tuple[bytes, bytes]


@frozen
class Extent:
    """
    Which batch a line is of, and how many lines that has; `left` of them follow. A negative number
    is one that the reader has made up, as the first format had none.
    """

    batch: int
    left: int
    lines: int


# A line that is whole: what it says, and its extent.
Line = tuple[State, Extent]
_COPIED = Extent(0, 0, 1)


def write_line(key: bytes, text: bytes, batch: int = 0, left: int = 0, lines: int = 1) -> bytes:
    """The line that says that the record `key` has become `text`, or is `GONE`."""
    body = b'","%b",%d,%d,%d,%b]' % (key, batch, left, lines, text)
    return b'["ct2","%08x%b\n' % (crc32(body), body)


def write_batch(states: Sequence[State], batch: int) -> bytes:
    """Lines that count together or, where the file ends before the last of them, not at all."""
    count = len(states)
    return b"".join(
        write_line(key, text, batch, count - number, count)
        for number, (key, text) in enumerate(states, 1)
    )


def write_lines(states: Iterable[State]) -> bytes:
    """Lines of which each counts by itself."""
    return b"".join(write_line(key, text) for key, text in states)


def read_lines(raws: Sequence[bytes]) -> Sequence[Line] | None:
    """Each line as `read_line` reads it, in a fraction of the time; None where one of them is."""
    found = _LINE.findall(b"".join(raws))
    if len(found) != len(raws):
        return None
    for line in found:
        if crc32(line[1]) != int(line[0], 16):
            return None
    return [_line(*line) for line in found]


def read_line(raw: bytes) -> Line | None:
    """The line that `raw`, with or without its line end, is; None where it is none, or damaged."""
    found = _LINE.fullmatch(raw if raw.endswith(b"\n") else raw + b"\n")
    if found is None or crc32(found[2]) != int(found[1], 16):
        return None
    return _line(*found.groups())


def keys_in(raw: bytes) -> list[bytes]:
    """The keys of the lines in a part of a file."""
    return [line[2] for line in _LINE.findall(raw)]


def write_header(version: int = FORMAT) -> bytes:
    """The first line of a file."""
    checksum = crc32(b"%d%b" % (version, _LEGEND))
    return b'{"cookietrack": %d, "crc32": "%08x"%b}\n' % (version, checksum, _LEGEND)


def read_version(raw: bytes) -> int | None:
    """The format that a header names; None where `raw` is no header, or a damaged one."""
    header = _HEADER.fullmatch(raw)
    if header is None or crc32(header[1] + header[3]) != int(header[2], 16):
        return None
    return int(header[1])


def _line(
    checksum: bytes, body: bytes, key: bytes, batch: bytes, left: bytes, lines: bytes, text: bytes
) -> Line:
    # Most lines of most files; this runs for every one of them when a store is opened.
    if batch == b"0":
        return (key, text), _COPIED
    return (key, text), Extent(int(batch), int(left), int(lines))

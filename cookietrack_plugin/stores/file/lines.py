"""
The lines of the `file` store's file. Each is the new state of one record:

    ["ct1","<CRC-32>","<id>",<lines that follow in its batch>,<record, or null: deleted>]

The checksum, eight hexadecimal digits, covers all that follows it. A batch is stored when its last
line is. Crossbar's own lines are objects, ours are arrays: there is no mistaking one for the other.
"""

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

FORMAT = 1
START = b'["ct1","'
# Replaces a deleted record.
GONE = b"null"
# For people, behind the number that is for versions older than the one that wrote it.
_LEGEND = (
    b', "lines": ["ct1", "crc32", "id", "lines that follow in the batch", '
    b'["expires", "created", "seen", "peer", "user_agent", '
    b'["authid", "authrole", "authmethod", "authrealm", "authextra"]]]'
)
_HEADER = re.compile(rb'\{"cookietrack": (\d{1,9}), "crc32": "([0-9a-f]{8})"(.*)\}\n?')
# Bytes of a line in front of its checksummed part, and of one with an empty key and text.
_BODY = len(START) + len("01234567")
LINE_SIZE = _BODY + len('","",0,]\n')

_LINE = re.compile(rb'^\["ct1","([0-9a-f]{8})(","([^"\n]*)",(\d+),(.*)\])\n', re.MULTILINE)

# A record's key and its new text, or GONE.
State = tuple[bytes, bytes]
# The checksum, what it is over, and in that: key, lines that follow in the batch, and new text.
Line = tuple[bytes, bytes, bytes, bytes, bytes]


def write_line(key: bytes, text: bytes, following: int = 0) -> bytes:
    """The line that says that the record `key` has become `text`, or is `GONE`."""
    body = b'","%b",%d,%b]' % (key, following, text)
    return b'["ct1","%08x%b\n' % (crc32(body), body)


def write_batch(states: Sequence[State]) -> bytes:
    """Lines that count together or, where the last of them is missing, not at all."""
    following = range(len(states) - 1, -1, -1)
    return b"".join(
        write_line(key, text, left) for (key, text), left in zip(states, following, strict=True)
    )


def write_lines(states: Iterable[State]) -> bytes:
    """Lines of which each counts by itself."""
    return b"".join(write_line(key, text) for key, text in states)


def read_lines(raws: Sequence[bytes]) -> Sequence[Line] | None:
    """Each line as `read_line` reads it, in a fraction of the time; None where one of them is."""
    found: list[Line] = _LINE.findall(b"".join(raws))
    if len(found) != len(raws):
        return None
    for line in found:
        if crc32(line[1]) != int(line[0], 16):
            return None
    return found


def read_line(raw: bytes) -> Line | None:
    """The line that `raw`, with or without its line end, is; None where it is none, or damaged."""
    found = _LINE.fullmatch(raw if raw.endswith(b"\n") else raw + b"\n")
    if found is None or crc32(found[2]) != int(found[1], 16):
        return None
    return found[1], found[2], found[3], found[4], found[5]


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

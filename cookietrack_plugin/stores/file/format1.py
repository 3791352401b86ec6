"""
The lines of format 1, which are read and no longer written:

    ["ct1","<CRC-32>","<id>",<lines that follow in its batch>,<record, or null: deleted>]
"""

import re
from zlib import crc32

from cookietrack_plugin.stores.file.lines import Extent, Line

START = b'["ct1","'

_LINE = re.compile(rb'\["ct1","([0-9a-f]{8})(","([^"\n]*)",(\d+),(.*)\])\n?')


def read_line(raw: bytes, number: int) -> Line | None:
    """
    The line that `raw` is, None where it is none, or damaged.

    :param number: of the line in its file. With the lines that follow it tells the batch.
    """
    found = _LINE.fullmatch(raw)
    if found is None or crc32(found[2]) != int(found[1], 16):
        return None
    # What the lines of today begin with stood there as it was.
    text = found[5].replace(b'"ct2"', b'"\\u0063t2"')
    left = int(found[4])
    return (found[3], text), Extent(-number - left, left, left + 1)

"""The body of a request, as Twisted has read it."""

from os import SEEK_END
from typing import BinaryIO


def size_of(content: BinaryIO) -> int:
    """The length of a body in bytes. Leaves the file at its beginning."""
    size = content.seek(0, SEEK_END)
    content.seek(0)
    return size

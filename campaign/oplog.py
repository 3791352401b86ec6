"""The log that `disk.c` writes: what processes did to files, in order."""

import struct
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

_HEAD = struct.Struct("=IIQqII")

CREATED, MADE_FOLDER, WRITTEN, RESIZED = "C", "D", "W", "T"
FLUSHING, FLUSHED = "S", "F"
RENAMED, LINKED, REMOVED, NOTE = "R", "L", "U", "N"


@frozen
class Entry:
    """
    `kind`: one of the letters above. `offset`: of what is written, or a new size. `data`:
    what is written, a path, two paths, or a note. `synchronous`: the write waits for the disk.
    """

    kind: str
    process: int
    inode: int
    offset: int
    data: bytes = field(repr=False)
    synchronous: bool

    @property
    def path(self) -> str:
        return self.data.decode()

    @property
    def paths(self) -> tuple[str, str]:
        old, _, new = self.path.partition("\0")
        return old, new


def read(path: Path) -> Iterator[Entry]:
    """All that is noted in the log."""
    with path.open("rb") as log:
        while head := log.read(_HEAD.size):
            kind, process, inode, offset, length, synchronous = _HEAD.unpack(head)
            yield Entry(chr(kind), process, inode, offset, log.read(length), bool(synchronous))

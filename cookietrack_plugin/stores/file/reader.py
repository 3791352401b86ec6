"""Reading the `file` store's file: whole, cut off anywhere, damaged, or Crossbar's own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import BinaryIO, Protocol

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.file import format1
from cookietrack_plugin.stores.file.crossbar import CrossbarLines, may_begin
from cookietrack_plugin.stores.file.extents import BatchCollector, Read
from cookietrack_plugin.stores.file.lines import (
    FORMAT,
    START,
    Line,
    State,
    read_line,
    read_lines,
    read_version,
)

# Bytes at the beginning of a file in which there has to be a line of ours or Crossbar's.
HEAD = 65536
# Line numbers that a report names.
_NAMED = 10
# Bytes of lines that are read at a time.
_STEP = 262144

_STARTS = re.compile(b"|".join(map(re.escape, (START, format1.START))))


class Damaged(Protocol):
    """Takes what cannot be used."""

    def keep(self, number: int, raw: bytes, is_ours: bool) -> None: ...


class FileReader:
    """
    One pass over a file. Afterwards it knows what was wrong with it.

    `lines`: how many there were. `states`: how many states of records. `damaged`: how many
    lines could not be read, and `damaged_at` the numbers of the first. `torn`: how many at the end
    are a batch that was never stored whole, `torn_at` the first of them, and `surplus` how many
    bytes they are. `foreign`: how many Crossbar wrote, and `incomplete`: with how many logins that
    lack a realm or role. `is_ours`: the file has our header. `last_batch`: the number of the last
    one that has one.
    """

    def __init__(self, damage: Damaged) -> None:
        self.lines = 0
        self.states = 0
        self.damaged = 0
        self.damaged_at: list[int] = []
        self.torn = 0
        self.torn_at = 0
        self.foreign = 0
        self.is_ours = False
        self.surplus = 0
        self.last_batch = 0
        self._is_regular = True
        # The part of a line that the file ends with.
        self._rest = b""
        self._batches = BatchCollector()
        self._damage = damage
        self._crossbar = CrossbarLines()

    @property
    def incomplete(self) -> int:
        return self._crossbar.incomplete

    @property
    def is_sound(self) -> bool:
        """Whether the file can be appended to once the last `surplus` bytes are cut off."""
        return self.is_ours and self._is_regular and not (self.damaged or self.foreign)

    def read(self, file: BinaryIO) -> Iterator[Sequence[State]]:
        """
        What the file's lines say, in order, some at a time.

        :raises StoreCorrupt: a newer version of this package wrote the file.
        """
        last = b"\n"
        while raws := file.readlines(_STEP):
            last = raws[-1]
            lines = read_lines(raws)
            states = self._take_each(raws) if lines is None else self._take_all(lines, raws)
            self.states += len(states)
            yield states
        states = self._batches.last()
        self.states += len(states)
        yield states
        self._drop(last)

    def _take_all(self, lines: Sequence[Line], raws: Sequence[bytes]) -> Sequence[State]:
        """What lines say that are all ours and whole."""
        batches = [self.last_batch, *(extent.batch for _, extent in lines)]
        if batches == sorted(batches) and all(extent.lines == 1 for _, extent in lines):
            self.lines += len(lines)
            self.last_batch = batches[-1]
            return self._batches.end() + [state for state, _ in lines]
        states: list[State] = []
        for line, raw in zip(lines, raws, strict=True):
            self.lines += 1
            states += self._take(line, raw)
        return states

    def _take_each(self, raws: Iterable[bytes]) -> list[State]:
        """What lines say of which any may be damaged, or none of ours."""
        states: list[State] = []
        for raw in raws:
            self.lines += 1
            if (line := self._read_ours(raw)) is not None:
                states += self._take(line, raw)
            else:
                states += self._read_other(raw)
        return states

    def _read_ours(self, raw: bytes) -> Line | None:
        if (line := read_line(raw)) is not None:
            return line
        if (line := format1.read_line(raw, self.lines)) is not None:
            self._is_regular = False
        return line

    def _take(self, line: Line, raw: bytes) -> list[State]:
        batch = line[1].batch
        if 0 <= batch < self.last_batch:
            # A block of an earlier file, where data never reached the disk.
            self._count_damaged(raw)
            return []
        self.last_batch = max(self.last_batch, batch)
        return self._batches.take(Read(self.lines, raw, line))

    def _read_other(self, raw: bytes) -> list[State]:
        """What a line says that is none of ours, or damaged."""
        if (version := read_version(raw)) is not None:
            _check_version(version)
            self._is_regular = self._is_regular and version == FORMAT
            self.is_ours = self.is_ours or self.lines == 1
            self._is_regular = self._is_regular and self.lines == 1
            return []
        if (states := self._crossbar.read(raw)) is not None:
            self.foreign += 1
            return self._batches.end() + states
        if not raw.strip():
            self._is_regular = False
            return []
        if not raw.endswith(b"\n"):
            self._rest = raw
            return []
        return self._read_damaged(raw)

    def _read_damaged(self, raw: bytes) -> list[State]:
        self._count_damaged(raw)
        states = [state for piece in _pieces(raw) for state in self._take_piece(piece)]
        return states + self._crossbar.salvage(raw)

    def _count_damaged(self, raw: bytes) -> None:
        self._keep(self.lines, raw)
        self.damaged += 1
        if len(self.damaged_at) < _NAMED:
            self.damaged_at.append(self.lines)

    def _take_piece(self, piece: bytes) -> list[State]:
        line = self._read_ours(piece)
        return [] if line is None else self._take(line, piece)

    def _drop(self, last: bytes) -> None:
        """Leave out what the file ends with: a batch that is not complete, or part of a line."""
        torn = [(read.number, read.raw) for read in self._batches.incomplete]
        if self._rest:
            torn.append((self.lines, self._rest))
        for number, raw in torn:
            self._keep(number, raw)
        if not last.endswith(b"\n") and not torn:
            self._is_regular = False
        self.surplus = sum(len(raw) for _, raw in torn)
        self.torn = len(torn)
        self.torn_at = torn[0][0] if torn else 0

    def _keep(self, number: int, raw: bytes) -> None:
        self._damage.keep(number, raw, self.is_ours and not self.foreign)


def is_cookie_file(head: bytes) -> bool:
    """
    Whether a file that begins with `head` is empty, ours, however damaged, or Crossbar's, which
    begins with a line of Crossbar's.
    """
    lines = head.splitlines(keepends=True)
    is_torn = len(lines) == 1 and not head.endswith((b"\n", b"}")) and may_begin(head)
    return not head.strip() or is_torn or any(map(_is_ours, lines)) or _is_crossbars(lines[0])


def _is_ours(raw: bytes) -> bool:
    return raw.startswith((START, format1.START, b'{"cookietrack": '))


def _is_crossbars(raw: bytes) -> bool:
    return raw.startswith(b'{"cbtid": "') or CrossbarLines().read(raw) is not None


def _check_version(version: int) -> None:
    if version > FORMAT:
        raise StoreCorrupt(
            f"it has format {version} of a newer version of this package, which this one cannot "
            f"read: it knows formats up to {FORMAT}"
        )


def _pieces(raw: bytes) -> Iterator[bytes]:
    """What may be lines of ours in one whose line end, or beginning, is damaged."""
    starts = [match.start() for match in _STARTS.finditer(raw)]
    for start, end in pairwise([*starts, len(raw)]):
        piece = raw[start:end]
        yield piece[: piece.rfind(b"]") + 1]

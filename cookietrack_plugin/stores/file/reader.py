"""Reading the `file` store's file: whole, cut off anywhere, damaged, or Crossbar's own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import BinaryIO, Protocol

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.file.crossbar import CrossbarLines, may_begin
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

_STATE = itemgetter(2, 4)


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
    lack a realm or role. `is_ours`: the file has our header.
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
        self._is_regular = True
        # The part of a line that the file ends with.
        self._rest = b""
        # The batch that is not complete, and the number of its last line.
        self._batch: list[tuple[int, bytes, State]] = []
        self._end = 0
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
        self._drop(last)

    def _take_all(self, lines: Sequence[Line], raws: Sequence[bytes]) -> Sequence[State]:
        """What lines say that are all ours and whole: a batch is, if its last line is there."""
        whole = len(lines)
        while whole and _following(lines[whole - 1]):
            whole -= 1
        states: list[State] = []
        if whole:
            states = self._end_batch()
            states += map(_STATE, lines[:whole])
            self.lines += whole
        return states + self._take_begun(lines[whole:], raws[whole:])

    def _take_begun(self, lines: Sequence[Line], raws: Sequence[bytes]) -> list[State]:
        """What lines say that are all ours and whole; none of them is the last of its batch."""
        ends = {self.lines + 1 + n + _following(lines[n]) for n in (0, len(lines) - 1) if lines}
        if ends == {self._end} or (len(ends) == 1 and not self._batch):
            numbers = range(self.lines + 1, self.lines + len(lines) + 1)
            self._batch += zip(numbers, raws, map(_STATE, lines), strict=True)
            self._end = ends.pop()
            self.lines += len(lines)
            return []
        return self._take_each(raws)

    def _take_each(self, raws: Iterable[bytes]) -> list[State]:
        """What lines say of which any may be damaged, or none of ours."""
        states: list[State] = []
        for raw in raws:
            self.lines += 1
            if (line := read_line(raw)) is not None:
                states += self._take(line, raw)
            elif others := self._read_other(raw):
                states += self._end_batch() + others
        return states

    def _take(self, line: Line, raw: bytes) -> list[State]:
        end = self.lines + _following(line)
        # Another batch begins. If the one before is not complete, its end is damaged, not torn off.
        states = self._end_batch() if end != self._end else []
        self._end = end
        self._batch.append((self.lines, raw, _STATE(line)))
        return states if end > self.lines else states + self._end_batch()

    def _end_batch(self) -> list[State]:
        states = [state for _, _, state in self._batch]
        self._batch = []
        return states

    def _read_other(self, raw: bytes) -> list[State]:
        """What a line says that is none of ours, or damaged."""
        if (version := read_version(raw)) is not None:
            _check_version(version)
            self.is_ours = self.is_ours or self.lines == 1
            self._is_regular = self._is_regular and self.lines == 1
            return []
        if (states := self._crossbar.read(raw)) is not None:
            self.foreign += 1
            return states
        if not raw.strip():
            self._is_regular = False
            return []
        if not raw.endswith(b"\n"):
            self._rest = raw
            return []
        return self._read_damaged(raw)

    def _read_damaged(self, raw: bytes) -> list[State]:
        self._keep(self.lines, raw)
        self.damaged += 1
        if len(self.damaged_at) < _NAMED:
            self.damaged_at.append(self.lines)
        return list(_pieces(raw))

    def _drop(self, last: bytes) -> None:
        """Leave out what the file ends with: a batch that is not complete, or part of a line."""
        torn = [(number, raw) for number, raw, _ in self._batch]
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
    """Whether a file that begins with `head` is ours or Crossbar's, however damaged, or empty."""
    lines = head.splitlines(keepends=True)
    is_torn = len(lines) == 1 and not head.endswith((b"\n", b"}")) and may_begin(head)
    return not head.strip() or is_torn or any(map(_is_cookie_line, lines))


def _is_cookie_line(raw: bytes) -> bool:
    return (
        raw.startswith((START, b'{"cookietrack": ', b'{"cbtid": "'))
        or CrossbarLines().read(raw) is not None
    )


def _check_version(version: int) -> None:
    if version > FORMAT:
        raise StoreCorrupt(
            f"it has format {version} of a newer version of this package, which this one cannot "
            f"read: it knows formats up to {FORMAT}"
        )


def _pieces(raw: bytes) -> Iterator[State]:
    """What the lines of ours say in one whose line end, or beginning, is damaged."""
    starts = [match.start() for match in re.finditer(re.escape(START), raw)]
    for start, end in pairwise([*starts, len(raw)]):
        piece = raw[start:end]
        line = read_line(piece[: piece.rfind(b"]") + 1])
        if line is not None:
            yield _STATE(line)


def _following(line: Line) -> int:
    return int(line[3])

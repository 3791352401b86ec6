"""Reading the `file` store's file: whole, cut off anywhere, damaged, or Crossbar's own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.file.crossbar import CrossbarLines, may_begin
from cookietrack_plugin.stores.file.log import (
    FORMAT,
    START,
    State,
    read_line,
    read_version,
)

# Bytes at the beginning of a file in which there has to be a line of ours or Crossbar's.
HEAD = 65536
# Line numbers that a report names.
_NAMED = 10
_STEP = 500


class Damaged(Protocol):
    """Is told of what cannot be used."""

    def keep(self, number: int, raw: bytes, is_ours: bool) -> None: ...


class FileReader:
    """
    One pass over a file. Afterwards it knows what was wrong with it.

    `lines`: how many there were. `states`: how many of a record they told. `damaged`: how many
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
        self._damage = damage
        self._crossbar = CrossbarLines()

    @property
    def incomplete(self) -> int:
        return self._crossbar.incomplete

    @property
    def is_sound(self) -> bool:
        """Whether the file can be appended to once the last `surplus` bytes are cut off."""
        return self.is_ours and self._is_regular and not (self.damaged or self.foreign)

    def read(self, file: Iterable[bytes]) -> Iterator[Sequence[State]]:
        """
        What the file's lines say, in order, some at a time.

        :raises StoreCorrupt: a newer version of this package wrote the file.
        """
        # Of the states that were read, the first `whole` are those of batches that are complete.
        states: list[State] = []
        whole = 0
        # Of the batch that is not: the number of its last line, and its lines.
        end = 0
        begun: list[tuple[int, bytes]] = []
        raw = b"\n"
        for self.lines, raw in enumerate(file, 1):
            line = read_line(raw)
            if line is None:
                if others := self._read_other(raw):
                    states += others
                    whole = len(states)
                continue
            key, following, text = line
            if self.lines + following != end:
                # Another batch. If the last one is not complete, its end is damaged, not torn off.
                whole = len(states)
                begun = []
                end = self.lines + following
            states.append((key, text))
            if following:
                begun.append((self.lines, raw))
                continue
            whole = len(states)
            begun = []
            if whole >= _STEP:
                self.states += whole
                yield states
                states = []
                whole = 0
        self._drop(begun, raw)
        self.states += whole
        yield states[:whole]

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

    def _drop(self, batch: list[tuple[int, bytes]], last: bytes) -> None:
        """Leave out what the file ends with: a batch that is not complete, or part of a line."""
        if self._rest:
            batch = [*batch, (self.lines, self._rest)]
        for number, raw in batch:
            self._keep(number, raw)
        if not last.endswith(b"\n") and not batch:
            self._is_regular = False
        self.surplus = sum(len(raw) for _, raw in batch)
        self.torn = len(batch)
        self.torn_at = batch[0][0] if batch else 0

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
            yield line[0], line[2]

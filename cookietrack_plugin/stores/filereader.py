"""Reading the `file` store's file: whole, cut off anywhere, damaged, or Crossbar's own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.filecrossbar import CrossbarLines, is_torn
from cookietrack_plugin.stores.filelog import (
    FORMAT,
    START,
    Line,
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

    `lines`: how many there were. `damaged`: how many of them could not be read, and `damaged_at`
    the numbers of the first. `torn`: how many at the end are a batch that was never stored whole,
    and `torn_at` the first of them. `foreign`: how many Crossbar wrote, and `incomplete`: with how
    many logins that lack a realm or role.
    """

    def __init__(self, damage: Damaged) -> None:
        self.lines = 0
        self.damaged = 0
        self.damaged_at: list[int] = []
        self.torn = 0
        self.torn_at = 0
        self.foreign = 0
        self._is_ours = False
        self._rest = b""
        self._ends = True
        self._damage = damage
        self._crossbar = CrossbarLines()
        self._ready: list[State] = []
        # The batch that has begun: its lines with their numbers, and the number of its last line.
        self._batch: list[tuple[int, bytes, State]] = []
        self._batch_end = 0

    @property
    def incomplete(self) -> int:
        return self._crossbar.incomplete

    @property
    def is_clean(self) -> bool:
        """Whether the file can be appended to as it is."""
        return self._is_ours and self._ends and not (self.damaged or self.torn or self.foreign)

    def read(self, file: Iterable[bytes]) -> Iterator[Sequence[State]]:
        """
        What the file's lines say, in order, some at a time.

        :raises StoreCorrupt: a newer version of this package wrote the file.
        """
        raw = b""
        for self.lines, raw in enumerate(file, 1):
            line = read_line(raw)
            if line is None:
                self._read_other(raw)
            elif line[1] or self._batch:
                self._add(line, raw)
            else:
                self._ready.append((line[0], line[2]))
            if len(self._ready) >= _STEP:
                yield self._ready
                self._ready = []
        self._finish(raw)
        yield self._ready

    def _read_other(self, raw: bytes) -> None:
        if (version := read_version(raw)) is not None:
            _check_version(version)
            self._is_ours = self._is_ours or self.lines == 1
        elif (states := self._crossbar.read(raw)) is not None:
            self.foreign += 1
            self._ready += states
        elif not raw.endswith(b"\n"):
            self._rest = raw
        elif raw.strip():
            self._read_damaged(raw)

    def _read_damaged(self, raw: bytes) -> None:
        self._keep(self.lines, raw)
        self.damaged += 1
        if len(self.damaged_at) < _NAMED:
            self.damaged_at.append(self.lines)
        for piece in _pieces(raw):
            self._add(piece, raw)

    def _keep(self, number: int, raw: bytes) -> None:
        self._damage.keep(number, raw, self._is_ours and not self.foreign)

    def _add(self, line: Line, raw: bytes) -> None:
        """Take a line of ours up into its batch, which counts once it is complete."""
        key, following, text = line
        if self.lines + following != self._batch_end:
            # Another batch: the end of the last one is damaged, not torn off.
            self._close_batch()
        self._batch_end = self.lines + following
        self._batch.append((self.lines, raw, (key, text)))
        if not following:
            self._close_batch()

    def _close_batch(self) -> None:
        self._ready += [state for _, _, state in self._batch]
        self._batch = []

    def _finish(self, last: bytes) -> None:
        """Drop the batch that is not complete, with the part of a line that may come last."""
        self._ends = last.endswith(b"\n")
        dropped = [(number, raw) for number, raw, _ in self._batch]
        if self._rest:
            dropped.append((self.lines, self._rest))
        for number, raw in dropped:
            self._keep(number, raw)
        self.torn = len(dropped)
        self.torn_at = dropped[0][0] if dropped else 0


def is_cookie_file(head: bytes) -> bool:
    """Whether a file that begins with `head` is ours or Crossbar's, however damaged, or empty."""
    crossbar = CrossbarLines()
    return not head.strip() or any(
        raw.startswith(START)
        or read_version(raw) is not None
        or crossbar.read(raw) is not None
        or is_torn(raw)
        for raw in head.splitlines(keepends=True)
    )


def _check_version(version: int) -> None:
    if version > FORMAT:
        raise StoreCorrupt(
            f"it has format {version} of a newer version of this package, which this one cannot "
            f"read: it knows formats up to {FORMAT}"
        )


def _pieces(raw: bytes) -> Iterator[Line]:
    """The lines of ours in one whose line end, or beginning, is damaged."""
    starts = [match.start() for match in re.finditer(re.escape(START), raw)]
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        piece = raw[start:end]
        line = read_line(piece[: piece.rfind(b"]") + 1])
        if line is not None:
            yield line

"""Lines of a file put together to the batches that they were written in."""

from attrs import frozen

from cookietrack_plugin.stores.file.lines import GONE, Line, State


@frozen
class Read:
    """A line with its number, as it stands in the file."""

    number: int
    raw: bytes
    line: Line


class BatchCollector:
    """
    Takes a file's lines in order, and gives what they say as soon as it counts.

    A batch counts when all its lines are there. Where another one follows it had been stored, so
    that what is missing was damaged later: then those of its lines count that can be read. The
    last batch of a file, if it is not whole, was never stored, unless it takes nothing but logins
    away: see `last`.
    """

    def __init__(self) -> None:
        self._batch = 0
        self._lines = 0
        self.incomplete: list[Read] = []

    def take(self, read: Read) -> list[State]:
        """The states that count now that this line was read."""
        (_, extent) = read.line
        states = self.end() if extent.batch != self._batch else []
        if not self.incomplete:
            self._batch, self._lines = extent.batch, extent.lines
        self.incomplete.append(read)
        return states + (self.end() if len(self.incomplete) >= self._lines else [])

    def end(self) -> list[State]:
        """Another batch follows: what the lines of the one before say, however many are there."""
        states = [read.line[0] for read in self.incomplete]
        self.incomplete = []
        return states

    def last(self) -> list[State]:
        """
        The file ends: what its last batch says although it is not whole. That is written twice,
        and once is enough: where half as many records as it has lines are gone, nothing is missing.
        """
        gone = {key for (key, text), _ in (read.line for read in self.incomplete) if text == GONE}
        # The first format does not tell how many lines a batch has.
        return self.end() if self._batch > 0 and 2 * len(gone) == self._lines else []

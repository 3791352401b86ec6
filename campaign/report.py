"""What a campaign shows: a table, and below it each failure with the command that repeats it."""

from collections.abc import Iterator, Sequence

from attrs import define, field
from rich.console import Console
from rich.table import Table

from campaign.trial import Tally

COLUMNS = ("rounds", "acknowledged", "lost", "revived", "failures")
# Failures of a trial that are shown: they are often one.
_SHOWN = 20
_LINE = 600


@define
class Row:
    """What became of a trial with a store. `missing`: why it could not be made."""

    trial: str
    store: str
    tally: Tally = field(factory=Tally)
    missing: str | None = None

    @property
    def is_good(self) -> bool:
        return not self.tally.failures and self.missing is None

    def title(self) -> str:
        bad = f", {len(self.tally.failures)} failures" if self.tally.failures else ""
        return f"{self.trial}:{self.store}{bad}"

    def numbers(self) -> list[int]:
        tally = self.tally
        return [*(tally.rounds, tally.acknowledged, tally.lost, tally.revived, len(tally.failures))]

    def besides(self) -> str:
        counted = [f"{count:,} {what}" for what, count in self.tally.notes.items() if count]
        return self.missing or ", ".join(counted)

    def failures(self) -> Iterator[str]:
        """A line for each, with the command that makes the round again."""
        for seed, what in self.tally.failures[:_SHOWN]:
            command = f"make campaign ONLY={self.trial}:{self.store} SEED={seed}"
            yield f"{command}\n    {' '.join(what.split())[:_LINE]}"
        if len(self.tally.failures) > _SHOWN:
            yield f"... {len(self.tally.failures) - _SHOWN} more of {self.trial}:{self.store}"


def table(rows: Sequence[Row]) -> Table:
    shown = Table()
    for column in ("trial", "store", *COLUMNS, "besides"):
        shown.add_column(column, justify="right" if column in COLUMNS else "left")
    for row in rows:
        numbers = [f"{number:,}" for number in row.numbers()]
        style = None if row.is_good else "bold red"
        shown.add_row(row.trial, row.store, *numbers, row.besides(), style=style)
    return shown


def show_failures(row: Row, console: Console) -> None:
    for line in row.failures():
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)

"""A campaign: one trial after the other, shown while it goes on."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from campaign import report
from campaign.report import Row
from campaign.trial import Trial, play
from servers.process import NotInstalled

Tell = Callable[[int, Row], None]


def run(
    chosen: Sequence[tuple[Trial, str]], seed: int | None, scale: float, console: Console
) -> bool:
    """Whether nothing went wrong. Ctrl-C ends it with what there is by then."""
    rows: list[Row] = []
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with suppress(KeyboardInterrupt), Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        for trial, name in chosen:
            rows.append(Row(trial.name, name))
            seeds = _seeds(trial, seed, scale)

            def tell(number: int, row: Row, of: int = len(seeds)) -> None:
                shown.update(task, description=f"{row.title()}, round {number} of {of}")

            _play(trial, rows[-1], seeds, tell)
            report.show_failures(rows[-1], console)
    console.print(report.table(rows))
    return all(row.is_good for row in rows)


def _seeds(trial: Trial, seed: int | None, scale: float) -> Sequence[int]:
    if seed is not None:
        return [seed]
    return random.sample(range(1 << 31), max(1, round(trial.rounds * scale)))


def _play(trial: Trial, row: Row, seeds: Sequence[int], tell: Tell) -> None:
    try:
        with trial.subjects[row.store]() as subject:
            for number, seed in enumerate(seeds, 1):
                tell(number, row)
                play(trial, subject, seed, row.tally)
    except NotInstalled as error:
        row.missing = str(error)
    except Exception as error:  # noqa: BLE001 - no server: it is told, and the others go on
        row.missing = f"{type(error).__name__}: {error}"[:200]

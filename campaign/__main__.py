"""`python -m campaign`: all trials, or some; or one round again, by its seed."""

import signal
import sys
import time

import click
from rich.console import Console

from campaign.runner import run
from campaign.trials import UnknownTrial, choose

# In a log file nothing makes room for the table.
_WIDTH = 150


@click.command()
@click.option("--only", metavar="TRIAL[:STORE],...", help="These; without it, all.")
@click.option("--seed", type=int, help="Make one round of each, with this seed.")
@click.option("--scale", default=1.0, show_default=True, help="How many times the usual rounds.")
def main(only: str | None, seed: int | None, scale: float) -> None:
    """Let stores suffer what happens to them, at random, and see what is left."""
    # Unwinds like Ctrl-C: no server and no folder is left behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        chosen = list(choose(only))
    except UnknownTrial as error:
        raise click.UsageError(str(error)) from error
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    began = time.monotonic()
    is_good = run(chosen, seed, scale, console)
    console.print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    sys.exit(not is_good)


if __name__ == "__main__":
    main()

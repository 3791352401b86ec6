"""`python -m benchmarks`: run them all, or one; profile a worker."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks import document, profiling, registry, result, summary
from benchmarks.bench import Options, label_of
from benchmarks.runner import Runner

MINIMUM_ROUNDS = 5


class Store(click.ParamType):
    """`TYPE` or `TYPE:{"option": value}`: the `store` item of a cookie configuration."""

    name = "TYPE[:JSON]"

    def convert(self, value: Any, param: Any, ctx: Any) -> Options:
        store_type, _, options = value.partition(":")
        try:
            return {"type": store_type, **json.loads(options or "{}")}
        except (ValueError, TypeError) as error:
            self.fail(f"{options!r} is no JSON object: {error}", param, ctx)


@click.group(invoke_without_command=True)
@click.option(
    "--only", metavar="NAME,...", help="These, or all; without it, those that need no server."
)
@click.option("--store", "others", type=Store(), multiple=True, help="A store to put beside ours.")
@click.option("--rounds", default=MINIMUM_ROUNDS, show_default=True, help="Rounds to measure.")
@click.option("--scale", default=1.0, help="Shrink sizes and times, to try things out.")
@click.option(
    "--results", type=Path, help="Where the JSON files go: benchmarks/results, or tried if no docs."
)
@click.option("--docs/--no-docs", default=True, help="Write the page and the README.")
@click.pass_context
def main(
    context: click.Context,
    only: str | None,
    others: tuple[Options, ...],
    rounds: int,
    scale: float,
    results: Path | None,
    docs: bool,
) -> None:
    """Measure cookie stores, and Crossbar nodes that use them."""
    # Unwinds like Ctrl-C: no node and no directory is left behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if context.invoked_subcommand:
        return
    try:
        chosen = registry.choose(only)
    except registry.UnknownBenchmark as error:
        raise click.UsageError(str(error)) from error
    labelled = {label_of(options): options for options in others}
    if scale != 1 or others:
        # The documentation shows what everybody can measure again, in full.
        docs = False
    place = results or (result.DIRECTORY if docs else result.TRIED)
    sys.exit(not Runner(rounds, scale, labelled, place, docs).run(chosen))


@main.command()
@click.option("--results", default=result.DIRECTORY, type=Path, help="Where the JSON files are.")
def page(results: Path) -> None:
    """Write docs/benchmarks.md and the README's table anew from the results that are there."""
    for name, benchmark in registry.benchmarks().items():
        if (results / f"{name}.json").exists():
            found = result.load(results / f"{name}.json")
            document.publish(benchmark, found)
            summary.publish(found)


@main.command()
@click.argument("what", type=click.Choice(sorted(profiling.LOADS)))
@click.option("--store", default='lmdb:{"path": ".cookies"}', type=Store(), show_default=True)
@click.option("--crossbar", is_flag=True, help="Crossbar's own personality and stores.")
@click.option("--flush", "flush_ms", default=0.0, help="Milliseconds that a flush takes longer.")
@click.option("--seconds", default=5.0, show_default=True)
@click.option("--lines", default=40, show_default=True)
@click.option("--save", type=Path, help="Keep the profile here: pstats, or SVG with --flame.")
@click.option("--flame", is_flag=True, help="A flame graph of all threads, by py-spy.")
def profile(**options: Any) -> None:
    """Where the time of the worker goes under a load."""
    profiling.profile(**options)


@main.command()
@click.option("--store", default='lmdb:{"path": ".cookies"}', type=Store(), show_default=True)
@click.option("--lines", default=20, show_default=True)
def profile_lookups(store: Options, lines: int) -> None:
    """Where the time of a look-up goes, without a node around it."""
    profiling.look_up(store, lines)


@main.command()
@click.option(
    "--store",
    default='lmdb:{"path": ".cookies", "writer_process": false}',
    type=Store(),
    show_default=True,
)
@click.option("--lines", default=20, show_default=True)
def profile_commits(store: Options, lines: int) -> None:
    """Where the time of durable commits goes, without a node and within one process."""
    profiling.commit(store, lines)


if __name__ == "__main__":
    main()

"""Where the time of a worker goes: cProfile inside it, or py-spy from outside."""

import cProfile
import pstats
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks import flush, generator, node, stored
from benchmarks.bench import Options
from benchmarks.cases import NO_COOKIE
from benchmarks.generator import Generator
from benchmarks.suite.commits import BATCH
from benchmarks.visits import CLIENTS, COOKIES
from cookietrack_plugin.record import Create

# What can be profiled: how the visitors of the load behave.
LOADS: Mapping[str, Mapping[str, bool]] = {
    "handshake": {"join": False, "known": False},
    "returning": {"join": False, "known": True},
    "join": {"join": True, "known": False},
}

LOOKUPS = 20_000
COMMITTED = 300 * BATCH


def profile(
    what: str,
    store: Options,
    crossbar: bool,
    flush_ms: float,
    seconds: float,
    lines: int,
    save: Path | None,
    flame: bool,
) -> None:
    """Start a node, put one of `LOADS` on it, and print or save where the worker's time goes."""
    label = str(store["type"])
    launcher = "crossbar" if crossbar else "crossbar-cookietrack"
    with tempfile.TemporaryDirectory() as directory, generator.running() as load:
        slow = flush.environment(Path(directory), flush_ms) if flush_ms else {}
        stores = {NO_COOKIE: None, label: None if label == "none" else store}
        with node.running(launcher, stores, slow) as started:
            profiled = _flame if flame else _functions
            profiled(Load(load, started, label, what, seconds), lines, save)


def look_up(store: Options, lines: int) -> None:
    """Fill a store, look its cookies up one by one, and print where the time goes."""
    profile = cProfile.Profile()
    ids = [(stored.identifier(number),) for number in range(LOOKUPS)]
    with (
        tempfile.TemporaryDirectory() as directory,
        stored.opened(store, Path(directory)) as opened,
    ):
        stored.fill(opened, LOOKUPS)
        with profile:
            for one in ids:
                opened.load(one)
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(lines)


def commit(store: Options, lines: int) -> None:
    """Create cookies in the batches of `commits`, and print where the time goes."""
    profile = cProfile.Profile()
    changes = [Create(stored.anonymous(number)) for number in range(COMMITTED)]
    with (
        tempfile.TemporaryDirectory() as directory,
        stored.opened(store, Path(directory)) as opened,
        profile,
    ):
        for start in range(0, COMMITTED, BATCH):
            opened.commit(changes[start : start + BATCH])
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(lines)


class Load:
    """The load on one transport of a node; and the way to its probe."""

    def __init__(
        self, load: Generator, node: node.Node, label: str, what: str, seconds: float
    ) -> None:
        self.node = node
        self.seconds = seconds
        self._load = load
        self._port = node.transports[label].port
        self._join = LOADS[what]["join"]
        self._cookies = (
            load.do("collect", port=self._port, clients=CLIENTS, count=COOKIES)
            if LOADS[what]["known"]
            else None
        )

    def run(self) -> None:
        found = self._load.do(
            "visits",
            port=self._port,
            clients=CLIENTS,
            seconds=self.seconds,
            join=self._join,
            cookies=self._cookies,
        )
        click.echo(f"{found['rate']:.0f} a second, {found['failed']} failed")

    def tell_probe(self, procedure: str, *args: object) -> None:
        port = self.node.transports[NO_COOKIE].port
        self._load.do("procedure", port=port, uri=procedure, args=args)


def _functions(load: Load, lines: int, save: Path | None) -> None:
    """The reactor's thread, function by function."""
    path = (save or load.node.directory / "profile.pstats").absolute()
    load.run()
    load.tell_probe("bench.profile")
    load.run()
    load.tell_probe("bench.save_profile", str(path))
    stats = pstats.Stats(str(path))
    stats.strip_dirs().sort_stats("tottime").print_stats(lines)
    stats.sort_stats("cumulative").print_stats(lines)


def _flame(load: Load, lines: int, save: Path | None) -> None:
    """All threads, as a flame graph."""
    py_spy = node.command("py-spy")
    if not Path(py_spy).exists():
        raise click.ClickException("--flame needs py-spy: pip install py-spy")
    path = save or Path("profile.svg")
    order = [py_spy, "record", "--threads", "--output", str(path)]
    order += ["--pid", str(load.node.worker().pid), "--duration", str(round(load.seconds))]
    running = threading.Thread(target=load.run)
    running.start()
    subprocess.run(order, check=True)
    running.join()
    click.echo(f"see {path}")

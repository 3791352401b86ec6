"""Stores that are filled once in a run, and copied to wherever a benchmark wants them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

from benchmarks import fresh, stored
from benchmarks.bench import OURS, Bench, Options


@frozen
class Filling:
    """A store in the directory `place`, into which `count` authenticated cookies are to come."""

    options: Options
    place: Path
    count: int

    def run(self) -> None:
        options = dict(self.options)
        try:
            fresh.run(fill, options=options, place=str(self.place), count=self.count)
        except BaseException:
            # The next one who wants it must not find half of it.
            shutil.rmtree(self.place, ignore_errors=True)
            raise


def fill(options: Options, place: str, count: int) -> None:
    """Called in a process of its own."""
    with stored.opened(options, Path(place)) as store:
        stored.fill(store, count)


def fill_all(fillings: Iterable[Filling]) -> None:
    """As many at once as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(Filling.run, fillings))
    # Otherwise the system would do it while something is measured.
    os.sync()


def supply(bench: Bench, stores: Mapping[str, Options], count: int) -> None:
    """Put `count` authenticated cookies into the place of each of these stores, by label."""
    bench.tell(f"filling {' and '.join(stores)} with {count:,} cookies")
    fill_all(_missing(bench, stores, count))
    for label in stores:
        if label in OURS:
            shutil.copytree(_stocked(bench, label, count), bench.place(label))
    os.sync()


def _missing(bench: Bench, stores: Mapping[str, Options], count: int) -> Iterable[Filling]:
    for label, options in stores.items():
        if label not in OURS:
            # It may keep its cookies elsewhere, where no copy would have them.
            yield Filling(options, bench.place(label), count)
        elif not (place := _stocked(bench, label, count)).exists():
            yield Filling(stored.quick(options), place, count)


def _stocked(bench: Bench, label: str, count: int) -> Path:
    return bench.stock / f"{label}-{count}"

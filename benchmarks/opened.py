"""What it takes to open a store. Called in a process of its own, by way of `fresh.run`."""

import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import fresh
from benchmarks.bench import Options
from cookietrack_plugin.config.registry import find_provider

MIB = 2**20


def crossbars(path: str) -> Mapping[str, float]:
    # Nobody else has to wait until Crossbar is imported.
    from benchmarks.crossbars import open_file

    return _opening(lambda: open_file(Path(path)))


def ours(options: Options, place: str) -> Mapping[str, float]:
    provider = find_provider(options["type"])
    return _opening(lambda: provider.open(options, place))


def _opening(open_store: Callable[[], Any]) -> Mapping[str, float]:
    gc.collect()
    before, began = fresh.memory(), time.perf_counter()
    store = open_store()
    took = time.perf_counter() - began
    grown = fresh.memory() - before
    assert store is not None
    return {"ms": took * 1e3, "MiB": grown / MIB}

"""Results as files: one JSON file for each benchmark, with all that is needed to read it alone."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

from benchmarks import machine
from benchmarks.figure import Figure, from_json

# Kept in the repository: a test renders the pages again from these.
DIRECTORY = Path(__file__).parent / "results"
# Of runs that the pages do not show.
TRIED = DIRECTORY.with_name("tried")


@frozen
class Result:
    """What one run of one benchmark found. `scale` other than 1: the figures mean nothing."""

    benchmark: str
    taken: str
    machine: Mapping[str, str]
    rounds: int
    scale: float
    figures: tuple[Figure, ...] = field(converter=tuple)


def of(benchmark: str, rounds: int, scale: float, figures: Sequence[Figure]) -> Result:
    """A result taken now, on this machine."""
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    return Result(benchmark, taken, machine.describe(), rounds, scale, figures)


def save(result: Result, directory: Path = DIRECTORY) -> Path:
    """Write it to `directory` as NAME.json, in the place of an earlier one."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.benchmark}.json"
    path.write_text(json.dumps(_as_json(result), indent=2, ensure_ascii=False) + "\n")
    return path


def load(path: Path) -> Result:
    fields = json.loads(path.read_text())
    return Result(**{**fields, "figures": [from_json(row) for row in fields["figures"]]})


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "benchmark": result.benchmark,
        "taken": result.taken,
        "machine": dict(result.machine),
        "rounds": result.rounds,
        "scale": result.scale,
        "figures": [figure.as_json() for figure in result.figures],
    }

"""What a benchmark is given: rounds, sizes, the stores to put beside ours, a place, a progress."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

Options = Mapping[str, Any]

# What crossbar-cookietrack is measured with; and Crossbar, with its own personality and stores.
OURS: Mapping[str, Options] = {
    "memory": {"type": "memory"},
    "file": {"type": "file", "filename": "cookies.dat"},
    "lmdb": {"type": "lmdb", "path": ".cookies-lmdb"},
}
CROSSBARS: Mapping[str, Options] = {
    "memory": {"type": "memory"},
    "file": {"type": "file", "filename": "cookies.dat"},
    "database": {"type": "database", "path": ".cookies-database"},
}


def label_of(options: Options) -> str:
    """The type of a store; with its options where the type alone is one of ours."""
    kind = str(options["type"])
    if kind not in OURS:
        return kind
    values = (f"{name}={value}" for name, value in options.items() if name != "type")
    return f"{kind} ({', '.join(values)})"


def _silent(_: str) -> None:
    pass


@frozen
class Bench:
    """
    `directory` is empty at first and removed afterwards. `scale` shrinks sizes and durations, to
    try things out: such figures mean nothing. `others` are more stores, by label. `stock` is a
    directory that all benchmarks of a run share: see `stock`.
    """

    directory: Path
    rounds: int = 5
    scale: float = 1.0
    others: Mapping[str, Options] = field(factory=dict)
    tell: Callable[[str], None] = _silent
    stock: Path = field(default=Factory(lambda self: self.directory, takes_self=True))

    def place(self, label: str) -> Path:
        """A directory for a store."""
        return self.directory / re.sub(r"\W+", "-", label)

    @property
    def stores(self) -> Mapping[str, Options]:
        """Ours and those put beside them."""
        return {**OURS, **self.others}

    def durable(self) -> Mapping[str, Options]:
        return {label: options for label, options in self.stores.items() if label != "memory"}

    def size(self, full: int) -> int:
        return max(1, round(full * self.scale))

    def seconds(self, full: float) -> float:
        return full * max(self.scale, 0.1)

    def interleaved(self, cases: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
        """
        Measure every case once a round. Each round begins with another one, so that none always
        comes after the same neighbour.
        """
        values: dict[str, list[float]] = {label: [] for label in cases}
        for number in range(self.rounds):
            for label in rotated(list(cases), number):
                self.tell(f"round {number + 1} of {self.rounds}: {label}")
                values[label].append(cases[label]())
        return values


def rotated(labels: Sequence[str], by: int) -> list[str]:
    start = by % len(labels)
    return [*labels[start:], *labels[:start]]

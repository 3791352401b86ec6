"""Which benchmarks there are, by name."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches

from attrs import frozen

from benchmarks.bench import Bench
from benchmarks.figure import Figure

Measure = Callable[[Bench], list[Figure]]


@frozen
class Benchmark:
    """
    `title` heads its table; `text`, the docstring of `measure`, says what it does and how.
    `servers`: it starts a PostgreSQL and a Redis, which not everybody has.
    """

    name: str
    title: str
    measure: Measure
    servers: bool = False

    @property
    def text(self) -> str:
        lines = (self.measure.__doc__ or "").strip().splitlines()
        return "\n".join(line.strip() for line in lines)


class UnknownBenchmark(LookupError):
    """No benchmark has this name: the message has those that there are."""


_registered: dict[str, Benchmark] = {}


def benchmark(name: str, title: str, servers: bool = False) -> Callable[[Measure], Measure]:
    """Register a function as the benchmark `name`."""

    def register(measure: Measure) -> Measure:
        _registered[name] = Benchmark(name, title, measure, servers)
        return measure

    return register


def benchmarks() -> Mapping[str, Benchmark]:
    """All of them, in the order in which they run."""
    from benchmarks import suite  # noqa: F401 - importing it registers them

    return _registered


def choose(names: str | None) -> list[Benchmark]:
    """
    Those that are named, with commas between, or `all`; for None all that need no server.

    :raises UnknownBenchmark: naming those that are known.
    """
    if names == "all":
        return [*benchmarks().values()]
    if names is None:
        return [each for each in benchmarks().values() if not each.servers]
    return [find(name.strip()) for name in names.split(",")]


def find(name: str) -> Benchmark:
    """
    :raises UnknownBenchmark: naming those that are known.
    """
    known = benchmarks()
    if name in known:
        return known[name]
    message = f"unknown benchmark {name!r}: there are {', '.join(known)}"
    if close := get_close_matches(name, known, n=1):
        message += f". Did you mean {close[0]!r}?"
    raise UnknownBenchmark(message)

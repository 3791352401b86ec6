"""Counts and times of one store, cheap enough to be taken always."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from attrs import define, field

# Upper bounds in seconds, as usual for Prometheus; the last bucket has none.
LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Outcome(StrEnum):
    """What became of a handshake, or of a request at a guard: the label `outcome`."""

    NEW = "new"
    RETURNING = "returning"
    REFUSED = "refused"
    LIMITED = "limited"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    CROSS_SITE = "cross_site"


@define
class Histogram:
    """
    How many observations each bucket has, and their sum: a bucket for each upper bound, inclusive,
    and a last one for all that is greater.
    """

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@define
class Metrics:
    """
    What a store's tracker, committer, look-up and sweep have done since they were opened. Each
    field is written by one thread at a time.
    """

    handshakes: Counter[str] = field(factory=Counter)
    requests: Counter[str] = field(factory=Counter)
    events: Counter[str] = field(factory=Counter)
    batch_size: Histogram = field(factory=lambda: Histogram(SIZES))
    commit_seconds: Histogram = field(factory=lambda: Histogram(LATENCIES))
    load_seconds: Histogram = field(factory=lambda: Histogram(LATENCIES))
    swept: int = 0
    faults: Counter[str] = field(factory=Counter)

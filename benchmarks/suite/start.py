"""The start of a node."""

from benchmarks import node
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

STORES = {"memory": {"type": "memory"}}


@benchmark("start", "The start of a node")
def measure(bench: Bench) -> list[Figure]:
    """
    Seconds from the command until the transport listens, for one node configuration with a
    `memory` store, which both know. A tenth is about 0.3 s.
    """
    values = bench.interleaved(
        {
            launcher: lambda launcher=launcher: _start(launcher)
            for launcher in ("crossbar", "crossbar-cookietrack")
        }
    )
    crossbar, ours = values["crossbar"], values["crossbar-cookietrack"]
    return [
        Figure("time to listen", "crossbar", "s", crossbar),
        Figure(
            "time to listen",
            "crossbar-cookietrack",
            "s",
            ours,
            "crossbar",
            crossbar,
            Target("≤", 1.1),
        ),
    ]


def _start(launcher: str) -> float:
    with node.running(launcher, STORES) as started:
        return started.started

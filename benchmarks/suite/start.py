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
    `memory` store, which both know.
    """
    values = bench.interleaved(
        {
            launcher: lambda launcher=launcher: _start(launcher)
            for launcher in ("crossbar", "crossbar-cookietrack")
        }
    )
    crossbar, ours = values["crossbar"], values["crossbar-cookietrack"]
    added = [with_ours - without for with_ours, without in zip(ours, crossbar, strict=True)]
    return [
        Figure("time to listen", "crossbar start", "s", crossbar),
        Figure("time to listen", "crossbar-cookietrack start", "s", ours),
        Figure("added by the plugin", "crossbar-cookietrack", "s", added, target=Target("≤", 0.3)),
    ]


def _start(launcher: str) -> float:
    with node.running(launcher, STORES) as started:
        return started.started

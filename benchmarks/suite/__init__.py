"""The benchmarks, a module each. Importing this registers them, in the order in which they run."""

from importlib import import_module

ORDER = (
    "handshakes",
    "slow_flush",
    "joins",
    "calls",
    "servers",
    "sweep",
    "compaction",
    "outage",
    "lookups",
    "commits",
    "opening",
    "disk",
    "scaling",
    "growth",
    "start",
    "connections",
)

for name in ORDER:
    import_module(f"{__name__}.{name}")

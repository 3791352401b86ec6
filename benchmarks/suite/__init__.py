"""The benchmarks, a module each. Importing this registers them, in the order in which they run."""

from importlib import import_module

# About how many seconds each of them takes on two cores.
SECONDS = {
    "handshakes": 70,
    "slow_flush": 40,
    "joins": 40,
    "calls": 70,
    "servers": 50,
    "sweep": 200,
    "compaction": 50,
    "outage": 75,
    "lookups": 20,
    "commits": 30,
    "opening": 130,
    "disk": 30,
    "scaling": 35,
    "growth": 90,
    "start": 40,
    "connections": 40,
}

for name in SECONDS:
    import_module(f"{__name__}.{name}")

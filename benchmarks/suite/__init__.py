"""The benchmarks, a module each. Importing this registers them, in the order in which they run."""

from importlib import import_module

# About how many seconds each of them takes on two cores.
SECONDS = {
    "handshakes": 95,
    "slow_flush": 55,
    "joins": 50,
    "calls": 110,
    "servers": 75,
    "guard": 110,
    "logouts": 60,
    "sweep": 140,
    "compaction": 110,
    "compaction_load": 150,
    "outage": 75,
    "endings": 150,
    "lookups": 20,
    "codec": 5,
    "commits": 15,
    "opening": 130,
    "disk": 40,
    "scaling": 30,
    "growth": 100,
    "pages": 120,
    "start": 40,
    "connections": 40,
}

for name in SECONDS:
    import_module(f"{__name__}.{name}")

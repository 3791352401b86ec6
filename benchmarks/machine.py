"""The machine and the versions that a result is about."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "crossbar",
    "autobahn",
    "twisted",
    "txaio",
    "zlmdb",
    "lmdb",
    "attrs",
    "cookietrack-plugin",
)


def describe() -> dict[str, str]:
    """What somebody has to know who compares two results. The machine's name is not in it."""
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: version(package) for package in PACKAGES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

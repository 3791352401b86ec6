"""What is installed, in which version."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from cookietrack_plugin.admin.finding import Finding, error, ok
from cookietrack_plugin.config.registry import DISTRIBUTION

OLDEST_PYTHON = (3, 11)
OLDEST_CROSSBAR = "25.12.1"
REQUIRED = (DISTRIBUTION, "crossbar", "autobahn", "twisted")
# Which store types need them, says `cookietrack stores`.
DRIVERS = ("lmdb", "sqlalchemy", "psycopg", "pymysql", "redis")


def check_software() -> Iterator[Finding]:
    """Python, the packages that a node needs, and the drivers of store types."""
    yield _check_python()
    for name in REQUIRED:
        yield _check_package(name)
    drivers = {name: installed(name) for name in DRIVERS}
    there = ", ".join(f"{name} {found}" for name, found in drivers.items() if found)
    absent = ", ".join(name for name, found in drivers.items() if not found)
    yield ok("drivers", (there or "none") + (f" (not installed: {absent})" if absent else ""))


def _check_python() -> Finding:
    found = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        return ok("python", found)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return error("python", f"{found}, but {oldest} is the oldest that is supported: install that")


def installed(name: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_package(name: str) -> Finding:
    found = installed(name)
    if found is None:
        return error(name, f"is not installed: pip install {name}")
    if name == "crossbar" and _numbers(found) < _numbers(OLDEST_CROSSBAR):
        return error(
            name,
            f"{found}, but {OLDEST_CROSSBAR} is the oldest that is supported: pip install --upgrade"
            " crossbar",
        )
    return ok(name, found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())

"""
Measurements that need a process of their own, as memory does: `python -m benchmarks.fresh
MODULE:FUNCTION JSON` prints what the function found, as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parent.parent


class FreshFailed(RuntimeError):
    """The process failed: with its traceback."""


def run(measure: Callable[..., Any], **arguments: Any) -> Any:
    """`measure(**arguments)` in a new process. Both it and its result have to go through JSON."""
    target = f"{measure.__module__}:{measure.__name__}"
    order = [sys.executable, "-m", "benchmarks.fresh", target, json.dumps(arguments)]
    done = subprocess.run(order, capture_output=True, text=True, cwd=REPOSITORY)
    if done.returncode:
        raise FreshFailed(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def memory() -> int:
    """Bytes of this process that are in memory, with those of files that it has mapped."""
    return psutil.Process().memory_info().rss


def main() -> None:
    from importlib import import_module

    target, arguments = sys.argv[1:]
    module, _, name = target.partition(":")
    print(json.dumps(getattr(import_module(module), name)(**json.loads(arguments))))


if __name__ == "__main__":
    main()

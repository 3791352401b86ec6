"""The id of a worker, which the node hands to its process in an environment variable."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from cookietrack_plugin.router.workerenv import with_variable

# Set by the node for each of its workers.
VARIABLE = "COOKIETRACK_WORKER"


def with_worker(env: Mapping[str, Any], args: Sequence[str]) -> Mapping[str, Any]:
    """The `env` item of a worker's options, with the id in the worker's arguments."""
    if "--worker" not in args:
        return env
    worker = args[args.index("--worker") + 1]
    return with_variable(env, VARIABLE, worker)


def worker_id() -> str | None:
    """The id of this process's worker, None in another process."""
    return os.environ.get(VARIABLE)
